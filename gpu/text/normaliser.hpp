// The normalisers of tokenizer.json: null, Sequence, NFC, NFD, NFKC, NFKD, Replace, Prepend, Lowercase, Strip, StripAccents,
// ByteLevel, Precompiled, BertNormalizer and Nmt.
#pragma once

#include <functional>
#include <string>

#include "events/base/result.hpp"
#include "gpu/text/aligned.hpp"
#include "gpu/text/config_reader.hpp"
#include "gpu/text/regex.hpp"
#include "gpu/text/unicode.hpp"

namespace luthier::text {

using Normaliser = std::function<Result<void>(Aligned&)>;

// Empty for null. Unknown kinds are a mistake in `config`.
Normaliser make_normaliser(const ConfigReader& config, int depth = 0);

// The member "pattern": {"String": …} or {"Regex": …}, used by normalisers, pre-tokenizers and decoders.
Regex read_pattern(const ConfigReader& config);
Result<void> replace_all(Aligned& text, const Regex& pattern, std::string_view content);

inline constexpr int config_depth_max = 16;  // of Sequence in Sequence

}  // namespace luthier::text
