# cmake -DINPUT=.../Passes.h.inc -DFOLDER=... -DPASSES=A,B -P SplitPasses.cmake
#
# Writes FOLDER/A.h.inc: of what TableGen wrote for all passes, what is for the pass A. A file that would not change is
# left alone, so a pass that is added or changed rebuilds no other one.
file(READ "${INPUT}" text)
string(REPLACE "," ";" PASSES "${PASSES}")

# What stands from #ifdef GUARD to its #endif.
function(get_section guard result)
  string(FIND "${text}" "#ifdef ${guard}\n" begin)
  set(last "#endif // ${guard}\n")
  string(FIND "${text}" "${last}" end)
  if(begin EQUAL -1 OR end LESS begin)
    message(FATAL_ERROR "${INPUT} has no section ${guard}")
  endif()
  string(LENGTH "${last}" length)
  math(EXPR length "${end} + ${length} - ${begin}")
  string(SUBSTRING "${text}" ${begin} ${length} section)
  set(${result} "${section}" PARENT_SCOPE)
endfunction()

foreach(pass IN LISTS PASSES)
  string(TOUPPER "${pass}" guard)
  get_section("GEN_PASS_DECL_${guard}" declarations)
  get_section("GEN_PASS_DEF_${guard}" definitions)
  set(new "#define GEN_PASS_DECL_${guard}\n${declarations}${definitions}")
  set(old "")
  if(EXISTS "${FOLDER}/${pass}.h.inc")
    file(READ "${FOLDER}/${pass}.h.inc" old)
  endif()
  if(NOT new STREQUAL old)
    file(WRITE "${FOLDER}/${pass}.h.inc" "${new}")
  endif()
endforeach()
