# Turns the files of the web page into one table of C++ constants. Included by the build it declares the library; run as a script it
# writes the table.
set(page_table ${CMAKE_BINARY_DIR}/page_table.cpp)
set(page_folder ${CMAKE_CURRENT_LIST_DIR})

if(NOT CMAKE_SCRIPT_MODE_FILE)
  luthier_module(actors/page)
  file(GLOB page_files CONFIGURE_DEPENDS ${page_folder}/*.html ${page_folder}/*.css ${page_folder}/app/*.js)
  add_custom_command(OUTPUT ${page_table} COMMAND ${CMAKE_COMMAND} -P ${page_folder}/embed.cmake WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
    DEPENDS ${page_folder}/embed.cmake ${page_files} COMMENT "Embedding the web page" VERBATIM)
  target_sources(actors_page PRIVATE ${page_table})
  return()
endif()

set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")

file(GLOB_RECURSE files RELATIVE ${page_folder} ${page_folder}/*.html ${page_folder}/*.css ${page_folder}/app/*.js)
list(SORT files)
set(table "// Made by actors/page/embed.cmake.\n#include <array>\n\n#include \"actors/page/page.hpp\"\n\nnamespace luthier::page {\nnamespace {\n\nconstexpr std::array resources{\n")
foreach(file IN LISTS files)
  file(READ ${page_folder}/${file} content)
  file(SHA256 ${page_folder}/${file} digest)
  string(SUBSTRING ${digest} 0 20 digest)
  string(REGEX REPLACE ".*\\." "" extension ${file})
  string(APPEND table "    Resource{\"${file}\", \"${type_${extension}}\", R\"~~~~(${content})~~~~\", \"\\\"${digest}\\\"\"},\n")
endforeach()
string(APPEND table "};\n\n}  // namespace\n\nstd::span<const Resource> all() { return resources; }\n\n}  // namespace luthier::page\n")
file(WRITE ${page_table} "${table}")
