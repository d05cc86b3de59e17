#include "actors/cli/dataset_check.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

namespace luthier::cli {
namespace {

Result<RowsFound> check(const std::string& text) {
  std::string name = "/tmp/luthier-rows-XXXXXX";
  const int descriptor = ::mkstemp(name.data());
  REQUIRE(descriptor >= 0);
  std::ofstream(name) << text;
  const auto found = check_rows(name);
  std::filesystem::remove(name);
  return found;
}

void refused(const std::string& text, const std::string& where, const std::string& why) {
  const auto found = check(text);
  REQUIRE_FALSE(found);
  INFO(found.error().message);
  CHECK(found.error().field == where);
  CHECK(found.error().message.find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("rows of each kind are counted") {
  CHECK(check("{\"prompt\":\"a\",\"completion\":\"b\"}\n\n{\"prompt\":\"c\",\"completion\":\"d\",\"more\":1}\n")->rows == 2);
  CHECK(check("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}")->kind == "messages");
  CHECK(check("{\"input_ids\":[1,2],\"labels\":[-100,2]}")->kind == "input_ids");
}

TEST_CASE("the first bad row is named by its line") {
  const std::string good = "{\"prompt\":\"a\",\"completion\":\"b\"}\n";
  refused(good + "\n{\"prompt\": 7}\n", "row 3", "must both be text");
  refused("nonsense", "row 1", "no JSON");
  refused(good + "{\"messages\":[{\"role\":\"user\"}]}", "row 2", "kind");
  refused("{\"messages\":[]}", "row 1", "not empty");
  refused("{\"messages\":[{\"content\":\"x\"}]}", "row 1", "role");
  refused("{\"input_ids\":[1,2],\"labels\":[1]}", "row 1", "as many");
  refused("{\"text\":\"a\"}", "row 1", "none of");
  refused("[1]", "row 1", "object");
  refused("\n\n", "", "no rows");
}

}  // namespace luthier::cli
