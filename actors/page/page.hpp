// The web page as constants of the program: what a browser asks for under / and /page/. Made at build time from the files of this folder.
#pragma once

#include <span>
#include <string_view>

namespace luthier::page {

struct Resource {
  std::string_view path;  // "index.html", "style.css", "app/main.js"
  std::string_view content_type, content;
  std::string_view etag;  // of the content, in its quotes
};

std::span<const Resource> all();                  // by path
const Resource* find(std::string_view path);      // null: there is none

}  // namespace luthier::page
