#include "gpu/serve/sequence.hpp"

#include <utility>

namespace luthier::serve {

Sequence::Sequence(GenerationRequest request, std::shared_ptr<Generation> generation, const text::Tokenizer& tokenizer)
    : request_(std::move(request)),
      generation_(std::move(generation)),
      tokens_(request_.prompt),
      decoder_(tokenizer, true),
      stop_(request_.stops) {
  if (request_.adapter) request_.adapter->requests_in_flight.fetch_add(1);
}

Sequence::~Sequence() {
  if (request_.adapter) request_.adapter->requests_in_flight.fetch_sub(1);
}

Sequence::Added Sequence::add(GeneratedToken token, bool is_eos) {
  Added added;
  tokens_.push_back(token.id);
  ++counts_[token.id];
  if (is_eos && !request_.ignore_eos) {
    added.finish = FinishReason::stop;
  } else {
    added.text = stop_.push(decoder_.push(token.id));
    added.tokens.push_back(std::move(token));
    if (stop_.stopped()) added.finish = FinishReason::stop;
    else if (generated() >= request_.tokens_max) added.finish = FinishReason::length;
  }
  if (added.finish && !stop_.stopped()) {
    added.text += stop_.push(decoder_.finish());
    added.text += stop_.finish();
    if (stop_.stopped()) added.finish = FinishReason::stop;
  }
  return added;
}

}  // namespace luthier::serve
