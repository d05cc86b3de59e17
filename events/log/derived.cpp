#include "events/log/derived.hpp"

#include "events/log/record.hpp"
#include "events/log/rocks_keys.hpp"

namespace luthier::log {

std::string_view key_prefix(Index index) {
  switch (index) {
    case Index::streams: return rocks::stream_prefix;
    case Index::names: return rocks::name_prefix;
    case Index::receipts: return rocks::receipt_prefix;
  }
  return {};
}

std::string_view to_string(Index index) {
  switch (index) {
    case Index::streams: return "the index of streams";
    case Index::names: return "the index of names";
    case Index::receipts: return "the table of receipts";
  }
  return {};
}

void Fingerprint::add(std::string_view key, std::string_view value) {
  std::string entry = std::to_string(key.size()) + " ";
  (entry += key) += value;
  const Hash hash = hash_record(zero_hash(), entry);
  for (std::size_t i = 0; i < sum_.size(); ++i) sum_[i] += std::stoull(hash.substr(16 * i, 16), nullptr, 16);
  ++count_;
}

std::optional<Receipt> comparable_receipt(std::string_view key, std::string_view stored) {
  const auto command = rocks::parse_receipt_key(key);
  if (!command) return std::nullopt;
  auto receipt = decode_receipt(*command, stored);
  if (!receipt) return std::nullopt;
  receipt->command_digest.clear();
  return std::move(*receipt);
}

Result<void> Derivation::take(const Record& record) {
  auto& head = heads_[record.stream];
  const Version before = head.version;
  const bool takes_name = before == 0 || head.workspace != record.workspace || head.name != record.name;
  head = {record.version, record.position, record.workspace, record.name};
  sink_({Index::streams, record.position, rocks::stream_key(record.stream, record.version), std::to_string(record.position)});
  if (takes_name)
    sink_({Index::names, record.position, rocks::name_key(record.stream.entity, record.workspace, record.name, record.position),
           record.stream.id});

  if (!command_ || command_->receipt.command != record.command) {
    finish();
    command_.emplace();
    command_->receipt.command = record.command;
    command_->stream = record.stream;
  }
  command_->receipt.events.push_back(record.type);
  command_->receipt.position = record.position;
  command_->receipt.hash = record.hash;
  command_->receipt.version = heads_[command_->stream].version;

  if (record.version == before + 1) return {};
  return Error{ErrorCode::corrupt, "position " + std::to_string(record.position) + ": is version " + std::to_string(record.version) +
                                       " of " + record.stream.entity + " " + record.stream.id + ", after version " +
                                       std::to_string(before), {}};
}

void Derivation::finish() {
  if (!command_) return;
  const auto& receipt = command_->receipt;
  sink_({Index::receipts, receipt.position, rocks::receipt_key(receipt.command), encode_receipt(receipt)});
  command_.reset();
}

}  // namespace luthier::log
