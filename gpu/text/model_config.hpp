// What the kinds of models in tokenizer.json have in common.
#pragma once

#include <optional>

#include "gpu/text/config_reader.hpp"
#include "gpu/text/vocabulary.hpp"

namespace luthier::text {

// {"token": id, …}; empty after a mistake.
std::optional<Vocabulary> read_vocabulary(const ConfigReader& config);

// Models that look for tokens inside words hold them byte by byte, so that a hostile list could take gigabytes, or hours.
Result<void> check_trie_size(const Vocabulary& vocabulary);

}  // namespace luthier::text
