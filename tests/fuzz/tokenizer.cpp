// tokenizer.json: what loads must encode and decode any text.
#include "gpu/text/tokenizer.hpp"

#include "tests/fuzz/scratch.hpp"

using namespace luthier;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::scratch().write("tokenizer.json", fuzz::text_of(data, size));
  const auto tokenizer = text::Tokenizer::load(fuzz::scratch().path());
  if (!tokenizer) {
    fuzz::check_error(tokenizer.error().message);
    return 0;
  }
  for (const std::string_view text : {"", "The größe of 12345 ships, don't!\n\n\t x", "<s>▁a <|im_end|> 🧑🏽‍🚀 e\u0301 \u202eאבג 你好"}) {
    const auto ids = tokenizer->encode(text, true);
    if (!ids) {
      fuzz::check_error(ids.error().message);
      continue;
    }
    const std::string whole = tokenizer->decode(*ids, false);
    text::StreamDecoder stream(*tokenizer, false);
    std::string joined;
    for (const auto id : *ids) joined += stream.push(id);
    if (joined + stream.finish() != whole) std::abort();  // a client would see another text than the one that is kept
  }
  const text::TokenId odd[] = {0, 1, -1, 2147483647, 5, 3, 0};
  (void)tokenizer->decode(odd, true);
  return 0;
}
