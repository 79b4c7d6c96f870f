# The libraries of the Python wheels, which tools/wheel.sh packs: `cmake --build build --target mqa-wheel-libraries`.

add_custom_target(mqa-wheel-libraries)

# mqa_for_wheel(TARGET PACKAGE): the library is written to wheel/PACKAGE/lib of the build folder, where its own libraries
# are beside it, and asks the machine that it goes to for no C++ library.
function(mqa_for_wheel target package)
  set(folder ${CMAKE_BINARY_DIR}/wheel/${package}/lib)
  set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON LIBRARY_OUTPUT_DIRECTORY ${folder}
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN" INSTALL_RPATH_USE_LINK_PATH OFF)
  target_link_options(${target} PRIVATE -static-libstdc++ -Wl,-s)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL SHARED_LIBRARY)
    set(map ${PROJECT_SOURCE_DIR}/cmake/wheel/exports.map)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/wheel/arc4random.c)
    target_link_options(${target} PRIVATE -Wl,--no-undefined -Wl,--version-script=${map})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${map})
  endif()
  add_dependencies(mqa-wheel-libraries ${target})
endfunction()
