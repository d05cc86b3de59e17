// A chat template, which comes with a model, on a conversation with tools.
#include <nlohmann/json.hpp>

#include "gpu/text/chat.hpp"
#include "tests/fuzz/scratch.hpp"

using namespace luthier;

namespace {

nlohmann::ordered_json variables() {
  return nlohmann::ordered_json::parse(R"({"bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": true, "strftime_now": 1700000000,
    "messages": [{"role": "system", "content": " Be <terse>. "}, {"role": "user", "content": "größe 🧑🏽‍🚀\n"},
                 {"role": "assistant", "content": "", "tool_calls": [{"id": "c12345678", "function": {"name": "f", "arguments": {"x": [1, 2.5, null]}}}]},
                 {"role": "tool", "content": {"hits": [1, "a"]}}, {"role": "user", "content": [{"type": "text", "text": "x"}]}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"properties": {"x": {"type": "array", "items": {"type": "number"}}}}}}]})");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto given = variables();
  const auto rendered = text::render(fuzz::text_of(data, size), given);
  if (!rendered) {
    fuzz::check_error(rendered.error().message);
    return 0;
  }
  for (const auto& [begin, end] : rendered->generated)
    if (begin > end) std::abort();
  (void)nlohmann::json(rendered->text).dump();  // throws unless it is UTF-8
  return 0;
}
