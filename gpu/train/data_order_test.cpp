#include "gpu/train/data_order.hpp"

#include <catch2/catch.hpp>
#include <map>

using namespace luthier::train;

namespace {

TrainingConfig config_with(std::int64_t batch, std::int64_t accumulation, std::int64_t epochs) {
  TrainingConfig config;
  config.batch_size = batch;
  config.gradient_accumulation = accumulation;
  config.epochs = epochs;
  config.max_seq_length = 10;
  return config;
}

DataOrder order_of(const std::vector<std::int64_t>& lengths, const TrainingConfig& config) {
  auto order = DataOrder::make(RowLengths::in(lengths), config);
  REQUIRE(order);
  return std::move(*order);
}

}  // namespace

TEST_CASE("rows keep the file's order, and no step crosses the end of an epoch") {
  DataOrder order = order_of({1, 2, 3, 4, 5}, config_with(2, 1, 2));
  REQUIRE(order.steps_total() == 6);
  CHECK(order.step(0) == Step{{0, 1}});
  CHECK(order.step(2) == Step{{4}});
  CHECK(order.step(3) == Step{{0, 1}});
  CHECK(order.step(5) == Step{{4}});
  CHECK(order.tokens_max() == 7);
}

TEST_CASE("the most tokens of a pass are those of a part, where a batch goes through the network in parts") {
  const std::vector<std::int64_t> lengths{1, 5, 4, 2, 9, 3, 7};
  auto config = config_with(4, 1, 1);
  config.contrastive.emplace();
  const auto most = [&] { return order_of(lengths, config).tokens_max(); };
  CHECK(most() == 19);  // 9 + 3 + 7
  config.contrastive->micro_batch = 2;
  CHECK(most() == 12);  // 9 + 3, which the second batch begins with
  config.contrastive->micro_batch = 3;
  CHECK(most() == 19);
  config.shuffle = true;
  config.contrastive->micro_batch = 2;
  CHECK(most() == 16);  // 9 + 7, should they meet
}

TEST_CASE("accumulation makes a step of several micro-batches, fewer at an epoch's end") {
  DataOrder order = order_of({1, 1, 1, 1, 1, 1, 1}, config_with(2, 3, 1));
  REQUIRE(order.steps_total() == 2);
  CHECK(order.step(0) == Step{{0, 1}, {2, 3}, {4, 5}});
  CHECK(order.step(1) == Step{{6}});
}

TEST_CASE("max_steps goes round the epochs, and with epochs the shorter of the two counts") {
  auto config = config_with(2, 1, 1);
  config.epochs.reset();
  config.max_steps = 1000000000;
  DataOrder endless = order_of({1, 1, 1}, config);
  CHECK(endless.steps_total() == 1000000000);
  CHECK(endless.step(999999999) == Step{{2}});
  config.epochs = 2;
  CHECK(order_of({1, 1, 1}, config).steps_total() == 4);
  config.max_steps = 3;
  CHECK(order_of({1, 1, 1}, config).steps_total() == 3);
}

TEST_CASE("packing fills a sequence in order until the next row does not fit, and batches count packs") {
  auto config = config_with(2, 1, 1);
  config.packing = true;
  DataOrder order = order_of({4, 6, 3, 3, 5, 10, 1}, config);
  REQUIRE(order.steps_total() == 3);
  CHECK(order.step(0) == Step{{0, 1, 2, 3}});
  CHECK(order.step(1) == Step{{4, 5}});
  CHECK(order.step(2) == Step{{6}});
  CHECK(order.tokens_max() == 16);
}

TEST_CASE("shuffling gives each epoch another order of the same rows, and the same one again for the same seed") {
  auto config = config_with(4, 1, 3);
  config.shuffle = true;
  const std::vector<std::int64_t> lengths{9, 1, 8, 2, 7, 3, 6, 4, 5, 10};
  DataOrder order = order_of(lengths, config), again = order_of(lengths, config);
  std::vector<std::vector<std::size_t>> epochs(3);
  for (std::int64_t s = 0; s < order.steps_total(); ++s)
    for (const auto& rows : order.step(s)) {
      CHECK(again.step(s) == order.step(s));
      std::int64_t tokens = 0;
      for (const auto row : rows) tokens += lengths[row];
      CHECK(tokens <= order.tokens_max());
      auto& epoch = epochs[static_cast<std::size_t>(s / 3)];
      epoch.insert(epoch.end(), rows.begin(), rows.end());
    }
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs[1] != epochs[2]);
  for (auto epoch : epochs) {
    std::sort(epoch.begin(), epoch.end());
    CHECK(epoch == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  }
  // A run that starts again asks for a later step first.
  DataOrder resumed = order_of(lengths, config);
  CHECK(resumed.step(7) == order.step(7));
  config.seed = 2;
  CHECK(order_of(lengths, config).step(0) != order.step(0));
}

TEST_CASE("bucketing brings rows of like lengths together, each row once, and the last batch stays the last") {
  auto config = config_with(3, 1, 2);
  config.bucketing = true;
  const std::vector<std::int64_t> lengths{1, 9, 2, 8, 3, 7, 4, 6};
  DataOrder order = order_of(lengths, config);
  CHECK(order.step(0) == Step{{1, 3, 5}});
  CHECK(order.step(1) == Step{{7, 6, 4}});
  CHECK(order.step(2) == Step{{2, 0}});
  CHECK(order.tokens_max() == 24);

  config.shuffle = true;
  config.batch_size = 2;
  std::vector<std::int64_t> many;
  for (std::int64_t i = 0; i < 205; ++i) many.push_back(1 + i * 7 % 10);
  DataOrder shuffled = order_of(many, config), again = order_of(many, config);
  std::vector<std::size_t> seen;
  std::int64_t uneven = 0;
  for (std::int64_t s = 0; s < shuffled.steps_per_epoch(); ++s) {
    const Step step = shuffled.step(s);
    CHECK(again.step(s) == step);
    CHECK(step[0].size() == (s + 1 == shuffled.steps_per_epoch() ? 1u : 2u));
    uneven += many[step[0].front()] != many[step[0].back()];
    seen.insert(seen.end(), step[0].begin(), step[0].end());
  }
  CHECK(uneven <= 3 * 9);  // where one length ends and the next begins, in each of three windows
  CHECK(shuffled.step(0) != shuffled.step(103));
  std::sort(seen.begin(), seen.end());
  for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == i);
}

TEST_CASE("many rows are packed, bucketed and shuffled as few are") {
  std::vector<std::int64_t> lengths;  // more than stay in memory: 4 bytes are kept of each
  for (std::size_t i = 0; i < 600'000; ++i) lengths.push_back(1 + static_cast<std::int64_t>((i * 2654435761u) % 10));
  auto config = config_with(1000, 1, 2);
  std::vector<bool> seen(lengths.size());
  for (const bool packing : {false, true})
    for (const bool bucketing : {false, true}) {
      config.shuffle = true;
      config.packing = packing;
      config.bucketing = bucketing;
      DataOrder order = order_of(lengths, config);
      const auto most = order.tokens_max();
      std::fill(seen.begin(), seen.end(), false);
      std::size_t rows_seen = 0, moved = 0;
      for (std::int64_t s = order.steps_per_epoch(); s < order.steps_total(); ++s)
        for (const auto& rows : order.step(s)) {
          std::int64_t tokens = 0;
          for (const auto row : rows) {
            moved += row != rows_seen;
            tokens += lengths[row];
            rows_seen += !seen[row];
            seen[row] = true;
          }
          REQUIRE(tokens <= most);
        }
      CHECK(rows_seen == lengths.size());
      CHECK(moved > lengths.size() / 2);
    }
}

TEST_CASE("the largest micro-batch is known before the run, whatever the order") {
  std::vector<std::int64_t> lengths;
  for (std::size_t i = 0; i < 1234; ++i) lengths.push_back(1 + static_cast<std::int64_t>((i * 2654435761u) % 10));
  for (int kind = 0; kind < 8; ++kind) {
    auto config = config_with(3, 2, 1);
    config.shuffle = kind & 1, config.packing = kind & 2, config.bucketing = kind & 4;
    DataOrder order = order_of(lengths, config);
    std::int64_t most = 0;
    for (std::int64_t s = 0; s < order.steps_total(); ++s)
      for (const auto& rows : order.step(s)) {
        std::int64_t tokens = 0;
        for (const auto row : rows) tokens += lengths[row];
        most = std::max(most, tokens);
      }
    CHECK(most <= order.tokens_max());
    if (!config.shuffle) CHECK(most == order.tokens_max());
  }
}
