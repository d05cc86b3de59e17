#include "actors/api/hub_repository.hpp"

#include <catch2/catch.hpp>

namespace luthier::api {
namespace {

const std::vector<events::File> files{{"a/b/c.txt", std::string(64, '1'), 1}, {"a/d.txt", std::string(64, '2'), 2}, {"e.txt", std::string(64, '3'), 3}};

std::vector<std::string> names(const rest::Json& rows) {
  std::vector<std::string> all;
  for (const auto& row : rows) all.push_back(row["type"].get<std::string>() + " " + row["path"].get<std::string>());
  return all;
}
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a tree is all files, or one level with its directories") {
  CHECK(names(tree_of("f", files, "", true, false).rows) == Names{"file a/b/c.txt", "file a/d.txt", "file e.txt"});
  CHECK(names(tree_of("f", files, "", true, true).rows) == Names{"directory a", "directory a/b", "file a/b/c.txt", "file a/d.txt", "file e.txt"});
  CHECK(names(tree_of("f", files, "", false, true).rows) == Names{"directory a", "file e.txt"});
  CHECK(names(tree_of("f", files, "a", false, true).rows) == Names{"directory a/b", "file a/d.txt"});
  CHECK(tree_of("f", {}, "", true, true).is_there);
  CHECK_FALSE(tree_of("f", files, "a/x", true, true).is_there);
  CHECK_FALSE(tree_of("f", files, "e.txt", true, true).is_there);
}

TEST_CASE("paths are looked up, and unknown ones left out") {
  CHECK(names(paths_info("f", files, {"e.txt", "nothing", "a/b/", "a"})) == Names{"file e.txt", "directory a/b", "directory a"});
  CHECK(paths_info("f", files, {"e.txt"})[0]["size"] == 3);
}

TEST_CASE("a file's tag changes with its content, and a commit with the fileset") {
  CHECK(commit_of("f", "2026") == "1a7a8730d701ec6e928c06591f3e1bf1188afa9f");
  CHECK(commit_of("f", "a") != commit_of("f", "b"));
  auto other = files[0];
  other.digest = std::string(64, '9');
  CHECK(tag_of("f", files[0]).size() == 16);
  CHECK(tag_of("f", files[0]) != tag_of("f", other));
}

TEST_CASE("a form's values are decoded, and others passed over") {
  CHECK(form_values("paths=a%2Fb.txt&expand=True&paths=c+d&paths", "paths") == Names{"a/b.txt", "c d"});
  CHECK(form_values("", "paths").empty());
}

}  // namespace luthier::api
