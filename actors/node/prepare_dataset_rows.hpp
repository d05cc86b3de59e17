// The formats of rows that users send, and what the engine reads instead where it does not know them. The first row of a dataset
// decides its format; every row is checked against it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "events/json/value.hpp"

namespace luthier::text {
class Tokenizer;
}

namespace luthier::node {

// What a training makes of its rows.
enum class RowUse { text, preferences, embeddings };

// What the job says of its rows.
struct RowSettings {
  RowUse use = RowUse::text;
  std::string prompt_template;       // with two {placeholders}; empty: none
  std::string text_field;            // train on all of this member, a text; empty: prompt and completion, or messages
  bool apply_chat_template = false;  // with text_field: render `messages` into it
  bool splits = true;                // without validation rows, set a tenth of the rows aside
};

class RowFormat {
 public:
  virtual ~RowFormat() = default;
  // The row as the engine reads it; nullopt: it reads the line as it is. `invalid` when the row does not fit, saying why.
  virtual Result<std::optional<std::string>> convert(const json::Value& row) const = 0;
  const std::string& warning() const { return warning_; }  // what the user should know; empty: nothing

 protected:
  std::string warning_;
};

// `tokenizer` is needed with a text_field alone.
Result<std::unique_ptr<RowFormat>> detect_format(const json::Value& first_row, const RowSettings& settings, const text::Tokenizer* tokenizer);

}  // namespace luthier::node
