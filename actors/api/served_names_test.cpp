#include "actors/api/served_names.hpp"

#include <catch2/catch.hpp>

namespace luthier::api {
namespace {

ServedNames a_deployment() {
  ServedNames names;
  names.add({"default/smol", "default/smol"}, 0);
  names.add({"default/smol&adapters/default/capitals", "default--capitals"}, 1);
  names.add({"default/smol&adapters/lab/colours", "lab--colours"}, 2);
  return names;
}

using Places = std::vector<std::size_t>;

}  // namespace

TEST_CASE("a base model is known by its entity and, in its workspace, by its name") {
  const auto names = a_deployment();
  CHECK(names.find("default/smol", "default") == Places{0});
  CHECK(names.find("smol", "default") == Places{0});
  CHECK(names.find("smol", "lab").empty());
}

TEST_CASE("an adapter is known by each of its names") {
  const auto names = a_deployment();
  for (const char* name : {"default--capitals", "default/default--capitals", "default/smol&adapters/default/capitals", "smol&adapters/default/capitals",
                           "default/capitals", "capitals"})
    CHECK(names.find(name, "default") == Places{1});
  for (const char* name : {"lab--colours", "default/lab--colours", "default/smol&adapters/lab/colours", "smol&adapters/lab/colours", "lab/colours"})
    CHECK(names.find(name, "default") == Places{2});
}

TEST_CASE("a bare name is one of the workspace where it is looked for") {
  const auto names = a_deployment();
  CHECK(names.find("colours", "default").empty());
  CHECK(names.find("colours", "lab") == Places{2});
}

TEST_CASE("a name that nobody has is nobody's") {
  const auto names = a_deployment();
  for (const char* name : {"", "/", "--", "default/", "/smol", "default--", "--capitals", "default--nobody", "a/b/c", "default/smol&adapters/", "default/smol&adapters/default",
                           "default/smol&adapters/default/capitals/x", "smol&x", "other/smol&adapters/default/capitals", "a/default/default--capitals"})
    CHECK(names.find(name, "default").empty());
}

TEST_CASE("the exact served name goes before every other meaning") {
  ServedNames names;
  names.add({"default/base", "smol"}, 0);
  names.add({"default/smol", "default/smol"}, 1);
  CHECK(names.find("smol", "default") == Places{0});
}

TEST_CASE("who serves the same is found together, in order") {
  ServedNames names;
  names.add({"default/smol", "default/smol"}, 0);
  names.add({"default/smol", "default/smol"}, 7);
  CHECK(names.find("smol", "default") == Places{0, 7});
}

TEST_CASE("served names of adapters become composite entities") {
  CHECK(adapter_entity("default/base", "lab--a1")->text() == "default/base&adapters/lab/a1");
  CHECK(adapter_entity("default/base", "default/lab--a1")->text() == "default/base&adapters/lab/a1");
  CHECK(adapter_entity("default/base", "a1")->text() == "default/base&adapters/default/a1");
  CHECK_FALSE(adapter_entity("base", "a1"));
  CHECK_FALSE(adapter_entity("default/base", ""));
}

}  // namespace luthier::api
