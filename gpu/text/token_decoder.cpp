#include "gpu/text/token_decoder.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "gpu/text/byte_alphabet.hpp"
#include "gpu/text/normaliser.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

// Everything becomes one token, whose bytes are text as soon as they are whole characters.
class ByteLevelStage final : public DecodeStage {
 public:
  void push(std::string_view part, bool ends_token) override {
    // Whether a token is written in the byte alphabet shows only at its end.
    token_ += part;
    if (!ends_token) return;
    std::string text;
    bytes_.push(token_bytes(token_), text);
    token_.clear();
    emit(text, false);
  }
  void finish() override {
    std::string text;
    bytes_.finish(text);
    emit(text, true);
    emit_finish();
  }

 private:
  std::string token_;
  LossyUtf8 bytes_;
};

std::optional<unsigned char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (const char c : token.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'F', lower = c >= 'a' && c <= 'f';
    if (!digit && !upper && !lower) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(digit ? c - '0' : upper ? c - 'A' + 10 : c - 'a' + 10);
  }
  return static_cast<unsigned char>(value);
}

// A run of <0x..> tokens is text if all of it is, and else one U+FFFD for each. A run can be told to be text only at
// its end, so it is held back until another token comes.
class ByteFallbackStage final : public DecodeStage {
 public:
  void push(std::string_view part, bool ends_token) override {
    token_ += part;
    if (!ends_token) return;
    if (const auto byte = fallback_byte(token_)) {
      run_ += static_cast<char>(*byte);
    } else {
      flush();
      emit(token_, true);
    }
    token_.clear();
  }
  void finish() override {
    flush();
    emit_finish();
  }

 private:
  void flush() {
    if (run_.empty()) return;
    if (!first_invalid_utf8(run_)) {
      emit(run_, true);
    } else {
      for (std::size_t i = 0; i < run_.size(); ++i) emit(replacement_utf8, true);
    }
    run_.clear();
  }

  std::string token_, run_;
};

class FuseStage final : public DecodeStage {
 public:
  void push(std::string_view part, bool) override { emit(part, false); }
  void finish() override {
    emit("", true);
    emit_finish();
  }
};

class ReplaceStage final : public DecodeStage {
 public:
  ReplaceStage(Regex pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void push(std::string_view part, bool ends_token) override {
    token_ += part;
    if (!ends_token) return;
    Aligned text{std::move(token_), {}};
    // A pattern that gives up leaves the token as it is: there is nobody to tell while decoding.
    (void)replace_all(text, pattern_, content_);
    emit(text.text, true);
    token_.clear();
  }
  void finish() override { emit_finish(); }

 private:
  Regex pattern_;
  std::string content_, token_;
};

// Takes up to `start` and `stop` copies of a character from a token's two ends.
class StripStage final : public DecodeStage {
 public:
  StripStage(std::string content, std::int64_t start, std::int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  void push(std::string_view part, bool ends_token) override {
    text_ += part;
    take_start(ends_token);
    if (ends_token) {
      take_stop();
      emit(text_, true);
      text_.clear();
      taken_ = 0;
      started_ = false;
    } else if (started_) {
      emit_settled();
    }
  }
  void finish() override { emit_finish(); }

 private:
  void take_start(bool ends_token) {
    while (!started_ && taken_ < start_ && text_.starts_with(content_)) {
      text_.erase(0, content_.size());
      ++taken_;
    }
    started_ = started_ || taken_ >= start_ || !text_.empty() || ends_token;
  }
  void take_stop() {
    for (std::int64_t i = 0; i < stop_ && text_.ends_with(content_); ++i) text_.erase(text_.size() - content_.size());
  }
  // Copies at the end may turn out to be the token's last ones.
  void emit_settled() {
    std::size_t end = text_.size();
    for (std::int64_t i = 0; i < stop_ && std::string_view(text_).substr(0, end).ends_with(content_); ++i) end -= content_.size();
    emit(std::string_view(text_).substr(0, end), false);
    text_.erase(0, end);
  }

  std::string content_;
  std::int64_t start_, stop_, taken_ = 0;
  bool started_ = false;
  std::string text_;
};

// The mark of a word's start is a blank again, except in the first token.
class MetaspaceStage final : public DecodeStage {
 public:
  MetaspaceStage(std::string mark, bool drops_first) : mark_(std::move(mark)), drops_(drops_first) {}
  void push(std::string_view part, bool ends_token) override {
    std::string text;
    for (std::size_t at = 0; at < part.size();) {
      if (part.substr(at).starts_with(mark_)) {
        if (!drops_) text += ' ';
        at += mark_.size();
      } else {
        text += part[at++];
      }
    }
    emit(text, ends_token);
    if (ends_token) drops_ = false;
  }
  void finish() override { emit_finish(); }

 private:
  std::string mark_;
  bool drops_;
};

// The suffix of a word's last token is a blank, and nothing in the last token of all.
class SuffixStage final : public DecodeStage {
 public:
  explicit SuffixStage(std::string suffix) : suffix_(std::move(suffix)) {}
  void push(std::string_view part, bool ends_token) override {
    if (is_held_) release(" ");
    token_ += part;
    is_held_ = ends_token;
  }
  void finish() override {
    if (is_held_) release("");
    emit_finish();
  }

 private:
  void release(std::string_view replacement) {
    std::string text;
    for (std::size_t at = 0; at < token_.size();) {
      const bool found = !suffix_.empty() && std::string_view(token_).substr(at).starts_with(suffix_);
      text += found ? replacement : std::string_view(token_).substr(at, 1);
      at += found ? suffix_.size() : 1;
    }
    emit(text, true);
    token_.clear();
    is_held_ = false;
  }

  std::string suffix_, token_;
  bool is_held_ = false;
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = from.empty() ? std::string::npos : text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// English punctuation without the blanks that its tokens came with.
std::string tidy(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> rules[] = {
      {" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : rules) text = replaced(std::move(text), from, to);
  return text;
}

// A token with the prefix continues the word before it; any other one begins a word.
class WordPieceStage final : public DecodeStage {
 public:
  WordPieceStage(std::string prefix, bool tidies) : prefix_(std::move(prefix)), tidies_(tidies) {}
  void push(std::string_view part, bool ends_token) override {
    token_ += part;
    if (!ends_token) return;
    if (!first_) {
      if (token_.starts_with(prefix_)) {
        token_.erase(0, prefix_.size());
      } else {
        token_.insert(token_.begin(), ' ');
      }
    }
    first_ = false;
    emit(tidies_ ? tidy(std::move(token_)) : token_, true);
    token_.clear();
  }
  void finish() override { emit_finish(); }

 private:
  std::string prefix_, token_;
  bool tidies_, first_ = true;
};

// What speech models emit: a token for each moment. Repeated ones count once, and the padding token stands for silence.
class CtcStage final : public DecodeStage {
 public:
  CtcStage(std::string padding, std::string delimiter, bool tidies)
      : padding_(std::move(padding)), delimiter_(std::move(delimiter)), tidies_(tidies) {}
  void push(std::string_view part, bool ends_token) override {
    token_ += part;
    if (!ends_token) return;
    const bool repeated = previous_ == token_;
    previous_ = std::exchange(token_, {});
    if (repeated) return;
    std::string text = replaced(*previous_, padding_, "");
    if (tidies_) text = replaced(tidy(std::move(text)), delimiter_, " ");
    if (!text.empty()) emit(text, true);
  }
  void finish() override { emit_finish(); }

 private:
  std::string padding_, delimiter_, token_;
  bool tidies_;
  std::optional<std::string> previous_;
};

class BlanksStage final : public DecodeStage {
 public:
  void push(std::string_view part, bool ends_token) override {
    if (starts_ && !first_) emit(" ", false);
    starts_ = ends_token;
    first_ = false;
    emit(part, ends_token);
  }
  void finish() override { emit_finish(); }

 private:
  bool first_ = true, starts_ = true;
};

template <class Stage, class... Arguments>
TokenDecoder one(Arguments... arguments) {
  return {[=]() -> std::unique_ptr<DecodeStage> { return std::make_unique<Stage>(arguments...); }};
}

TokenDecoder metaspace(const ConfigReader& config) {
  const std::string mark = config.text("replacement", "\xE2\x96\x81");
  const std::string scheme = config.text("prepend_scheme", config.flag("add_prefix_space", true) ? "always" : "never");
  if (mark.empty()) config["replacement"].fail("is empty");
  return one<MetaspaceStage>(mark, scheme != "never");
}

TokenDecoder strip(const ConfigReader& config) {
  const std::string content = config.text("content");
  if (content.empty()) config["content"].fail("is empty");
  return one<StripStage>(content, config.integer("start", 0), config.integer("stop", 0));
}

TokenDecoder sequence(const ConfigReader& list, int depth) {
  TokenDecoder all;
  const std::size_t count = list.size();
  for (std::size_t i = 0; i < count && !list.failed(); ++i)
    for (auto& stage : make_token_decoder(list[i], depth + 1)) all.push_back(std::move(stage));
  return all;
}

}  // namespace

TokenDecoder make_token_decoder(const ConfigReader& config, int depth) {
  if (config.failed()) return {};
  if (config.is_null()) return one<BlanksStage>();
  if (depth > config_depth_max) return config.fail("is nested too deep"), TokenDecoder{};
  const std::string type = config.text("type");
  if (type == "Sequence") return sequence(config["decoders"], depth);
  if (type == "ByteLevel") return one<ByteLevelStage>();
  if (type == "ByteFallback") return one<ByteFallbackStage>();
  if (type == "Fuse") return one<FuseStage>();
  if (type == "Replace") return one<ReplaceStage>(read_pattern(config), config.text("content"));
  if (type == "Strip") return strip(config);
  if (type == "Metaspace") return metaspace(config);
  if (type == "BPEDecoder") return one<SuffixStage>(config.text("suffix", "</w>"));
  if (type == "WordPiece") return one<WordPieceStage>(config.text("prefix", "##"), config.flag("cleanup", true));
  if (type == "CTC") return one<CtcStage>(config.text("pad_token", "<pad>"), config.text("word_delimiter_token", "|"), config.flag("cleanup", true));
  config["type"].fail("the decoder \"" + type +
                      "\" is not supported; Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, BPEDecoder, WordPiece and "
                      "CTC are");
  return {};
}

class DecodeStream::Collector final : public DecodeStage {
 public:
  void push(std::string_view part, bool) override { text += part; }
  void finish() override {}
  std::string take() { return std::exchange(text, {}); }

 private:
  std::string text;
};

DecodeStream::DecodeStream(const TokenDecoder& decoder) {
  for (const auto& make : decoder) stages_.push_back(make());
  auto collector = std::make_unique<Collector>();
  collector_ = collector.get();
  stages_.push_back(std::move(collector));
  for (std::size_t i = 0; i + 1 < stages_.size(); ++i) stages_[i]->set_next(stages_[i + 1].get());
}

DecodeStream::~DecodeStream() = default;

std::string DecodeStream::push(std::string_view token) {
  stages_.front()->push(token, true);
  return collector_->take();
}

std::string DecodeStream::finish() {
  stages_.front()->finish();
  return collector_->take();
}

}  // namespace luthier::text
