# MLIR from the distribution's shared libraries, and the two helpers with which lib/ and tools/ are built.

find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
# AddLLVM points the outputs elsewhere; keep ours.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(MLIR_BINARY_DIR ${CMAKE_BINARY_DIR})

separate_arguments(MQA_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")

# What every translation unit that includes MLIR headers needs. Third-party and generated headers are SYSTEM: our
# own code is held to -Wall -Wextra, theirs is not ours to mend.
add_library(mqa_mlir_headers INTERFACE)
target_include_directories(mqa_mlir_headers SYSTEM INTERFACE
  ${PROJECT_BINARY_DIR}/include ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_include_directories(mqa_mlir_headers INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(mqa_mlir_headers INTERFACE ${MQA_LLVM_DEFINITIONS})
# Debian builds LLVM with RTTI and without exceptions.
target_compile_options(mqa_mlir_headers INTERFACE -fno-exceptions -fno-semantic-interposition)

# mqa_add_library(NAME sources... [DEPENDS targets...] [LINK libraries...])
function(mqa_add_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PUBLIC mqa_mlir_headers ${ARG_LINK} MLIR LLVM)
  add_dependencies(${name} mqa_headers ${ARG_DEPENDS})
endfunction()
