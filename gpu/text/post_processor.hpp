// What tokenizer.json puts around an encoded text: TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel (which
// only moves offsets) and Sequence.
#pragma once

#include <vector>

#include "gpu/text/config_reader.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::text {

struct PostProcessor {
  std::vector<TokenId> before, after;
};

// Unknown kinds are a mistake in `config`.
PostProcessor make_post_processor(const ConfigReader& config, int depth = 0);

}  // namespace luthier::text
