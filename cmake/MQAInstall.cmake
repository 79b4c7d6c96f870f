# `cmake --install`: libraries, headers, tools, and a package for find_package(MQA CONFIG).

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/MQA)

install(TARGETS mqa_runtime EXPORT MQARuntimeTargets)
install(EXPORT MQARuntimeTargets NAMESPACE MQA:: DESTINATION ${package_dir})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runtime/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS mqa-run mqa-bench)
# Where runtime/python looks for it: beside the runtime.
if(TARGET mqa_python_launcher)
  install(TARGETS mqa_python_launcher LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

if(MQA_BUILD_COMPILER)
  install(TARGETS mqa_compiler EXPORT MQACompilerTargets)
  install(EXPORT MQACompilerTargets NAMESPACE MQA:: DESTINATION ${package_dir})
  install(TARGETS mqa-opt mqa-compile mqa-lsp-server)
  install(TARGETS MQAPlugin LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ ${PROJECT_BINARY_DIR}/include/
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc" PATTERN CMakeFiles EXCLUDE)
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/MQAConfig.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/MQAConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/MQAConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/MQAConfig.cmake ${PROJECT_BINARY_DIR}/cmake/MQAConfigVersion.cmake
  DESTINATION ${package_dir})
