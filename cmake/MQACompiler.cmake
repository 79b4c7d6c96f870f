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

# Reading MLIR's headers takes most of a file's time to compile: they are read once. Without, as a check that each file
# includes what it uses: -DMQA_PRECOMPILE_HEADERS=OFF.
option(MQA_PRECOMPILE_HEADERS "Read MLIR's headers once for all files" ON)
if(MQA_PRECOMPILE_HEADERS)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled.cpp CONTENT "")
  add_library(mqa_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled.cpp)
  set_target_properties(mqa_precompiled PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(mqa_precompiled PRIVATE mqa_mlir_headers)
  target_precompile_headers(mqa_precompiled PRIVATE
    <mlir/Dialect/Affine/IR/AffineOps.h>
    <mlir/Dialect/Arith/IR/Arith.h>
    <mlir/Dialect/Arith/Utils/Utils.h>
    <mlir/Dialect/Bufferization/IR/Bufferization.h>
    <mlir/Dialect/Func/IR/FuncOps.h>
    <mlir/Dialect/GPU/IR/GPUDialect.h>
    <mlir/Dialect/LLVMIR/LLVMDialect.h>
    <mlir/Dialect/LLVMIR/NVVMDialect.h>
    <mlir/Dialect/Linalg/IR/Linalg.h>
    <mlir/Dialect/Math/IR/Math.h>
    <mlir/Dialect/MemRef/IR/MemRef.h>
    <mlir/Dialect/NVGPU/IR/NVGPUDialect.h>
    <mlir/Dialect/SCF/IR/SCF.h>
    <mlir/Dialect/Tensor/IR/Tensor.h>
    <mlir/Dialect/Vector/IR/VectorOps.h>
    <mlir/IR/PatternMatch.h>
    <mlir/Interfaces/TilingInterface.h>
    <mlir/Pass/PassManager.h>
    <mlir/Transforms/DialectConversion.h>)
endif()

# What headers and templates cost is paid once for several files. After a change to one file, the others of its batch are
# compiled again. Without, as a check that no file needs another one ahead of it: -DMQA_UNITY_BUILD=OFF.
option(MQA_UNITY_BUILD "Compile several files of a library at a time" ON)

# mqa_add_library(NAME sources... [DEPENDS targets...] [LINK libraries...])
function(mqa_add_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  # Of several files at a time, GCC warns of memory of LLVM's small vectors that is never read.
  target_compile_options(${name} PRIVATE $<$<BOOL:${MQA_UNITY_BUILD}>:-Wno-maybe-uninitialized>)
  # LDBG() prints the DEBUG_TYPE of each file.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON
    UNITY_BUILD ${MQA_UNITY_BUILD} UNITY_BUILD_MODE GROUP UNITY_BUILD_CODE_BEFORE_INCLUDE "#undef DEBUG_TYPE")
  # Five files of a folder together: a new file moves none of other folders.
  foreach(source ${ARG_UNPARSED_ARGUMENTS})
    get_filename_component(folder ${source} DIRECTORY)
    list(APPEND files_of_${folder} ${source})
    list(LENGTH files_of_${folder} count)
    math(EXPR group "(${count} - 1) / 5")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP "${folder}${group}")
  endforeach()
  target_link_libraries(${name} PUBLIC mqa_mlir_headers ${ARG_LINK} MLIR LLVM)
  add_dependencies(${name} mqa_headers ${ARG_DEPENDS})
  if(MQA_PRECOMPILE_HEADERS)
    target_precompile_headers(${name} REUSE_FROM mqa_precompiled)
  endif()
endfunction()
