// Training rows, JSON Lines of any kind, to ids and labels.
#include "gpu/text/rows.hpp"

#include "tests/fuzz/scratch.hpp"

using namespace luthier;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokenizer = text::Tokenizer::load("tests/golden/models/llama-tiny");
  if (!tokenizer) std::abort();  // not run from the repository's root
  text::RowReader reader(*tokenizer, {.max_seq_length = 64});
  std::string_view rest = fuzz::text_of(data, size);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (const auto row = reader.read(rest.substr(0, end)); !row) fuzz::check_error(row.error().message);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return 0;
}
