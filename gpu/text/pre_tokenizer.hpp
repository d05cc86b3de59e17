// The pre-tokenizers of tokenizer.json, which cut a text into the words that the model works on: ByteLevel, Split,
// Digits, Sequence, Metaspace, Whitespace, WhitespaceSplit, Punctuation, CharDelimiterSplit, BertPreTokenizer, FixedLength and
// UnicodeScripts.
#pragma once

#include <functional>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/aligned.hpp"
#include "gpu/text/config_reader.hpp"

namespace luthier::text {

struct Piece {
  std::uint32_t begin, end;  // of Pieces::text
  bool first;                // starts where the caller's whole text starts
};

struct Pieces {
  Aligned text;
  std::vector<Piece> pieces;
};

using PreTokenizer = std::function<Result<void>(Pieces&)>;

// Empty for null. Unknown kinds are a mistake in `config`.
PreTokenizer make_pre_tokenizer(const ConfigReader& config, int depth = 0);

}  // namespace luthier::text
