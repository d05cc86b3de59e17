#include "actors/page/page.hpp"

#include <algorithm>

namespace luthier::page {

const Resource* find(std::string_view path) {
  const auto resources = all();
  const auto found = std::find_if(resources.begin(), resources.end(), [&](const Resource& resource) { return resource.path == path; });
  return found == resources.end() ? nullptr : &*found;
}

}  // namespace luthier::page
