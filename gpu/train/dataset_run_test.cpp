// Runs on datasets of several files: what is trained on, what is said of it, and how the reading of rows ends.
#include <sstream>

#include "events/base/sha256.hpp"
#include "gpu/train/commands.hpp"
#include "gpu/train/test_support.hpp"
#include "gpu/train/trainer.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

namespace {

// The golden rows in one file, and in a directory of two training files and one of validation rows.
struct Given {
  TemporaryDirectory directory;
  std::filesystem::path file, data;

  Given() {
    const auto text = read_bytes(goldens / "curve.rows.jsonl");
    const auto middle = text.find('\n', text.size() / 2) + 1;
    file = write_text(directory / "all.jsonl", text);
    data = directory / "data";
    std::filesystem::create_directory(data);
    write_text(data / "training_1.jsonl", text.substr(0, middle - 1));  // its last row has no newline
    write_text(data / "training_2.jsonl", text.substr(middle));
    write_text(data / "validation.jsonl", text.substr(0, text.find('\n')));
  }

  TrainRequest request(const std::filesystem::path& rows, const std::string& out) const {
    TrainRequest request;
    request.model = goldens / "tied";
    request.data = rows;
    request.out = directory / out;
    request.config = take(parse_training_config(R"({"method": "lora", "max_steps": 4, "batch_size": 3, "max_seq_length": 32, "shuffle": true})"));
    return request;
  }
};

}  // namespace

TEST_CASE("a directory is trained on as its files one after the other, and validates on its own rows") {
  const Given given;
  std::vector<std::string> said;
  TrainHooks hooks;
  hooks.about_rows = [&](const std::string& line) { said.push_back(line); };
  const auto whole = take(train::train(given.request(given.file, "whole"), {}));
  const auto parts = take(train::train(given.request(given.data, "parts"), hooks));
  CHECK(read_bytes(given.directory / "whole/adapter_model.safetensors") == read_bytes(given.directory / "parts/adapter_model.safetensors"));
  CHECK(parts.final_loss == whole.final_loss);
  CHECK_FALSE(whole.validation_loss);
  CHECK(parts.validation_loss);
  REQUIRE(said.size() == 2);
  CHECK(said[0].find("training_1.jsonl, ") != std::string::npos);
  CHECK(said[0].find(" tokens, ") != std::string::npos);
  CHECK(said[1].find("validation.jsonl: 1 row, ") != std::string::npos);
}

TEST_CASE("a run does not go on from a checkpoint when a file of its directory has changed") {
  const Given given;
  auto request = given.request(given.data, "out");
  request.checkpoint_directory = given.directory / "checkpoints";
  TrainHooks hooks;
  hooks.wish = [asked = 0]() mutable { return ++asked == 3 ? Wish::stop : Wish::go_on; };
  CHECK(take(train::train(request, hooks)).stopped);
  const auto last = given.data / "training_2.jsonl";
  const auto before = read_bytes(last);
  write_text(last, before + R"({"input_ids":[1,2,3]})");
  const auto refused = train::train(request, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("data") != std::string::npos);
  write_text(last, before);
  CHECK(take(train::train(request, {})).resumed_from_step == 2);
}

TEST_CASE("rows that change under a run end it with their place") {
  const Given given;
  auto request = given.request(given.file, "out");
  request.config.shuffle = false;
  TrainHooks hooks;
  hooks.progress = [&](const Progress& p) {
    if (p.phase == Phase::training) write_text(given.file, "");
  };
  const auto ended = train::train(request, hooks);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().message.find("all.jsonl: row ") != std::string::npos);
  CHECK(ended.error().message.find("the file was changed") != std::string::npos);
}

TEST_CASE("the reading of rows can be watched and ended") {
  const Given given;
  auto request = given.request(given.data, "out");
  std::int64_t rows = 0;
  request.reading = [&](const text::ReadingProgress& now) { rows = now.rows; };
  take(train::train(request, {}));
  CHECK(rows > 0);
  request.is_cancelled = [] { return true; };
  const auto ended = train::train(request, {});
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::cancelled);
}
