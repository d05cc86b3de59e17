// The normaliser Precompiled.
#include <utf8proc.h>

#include <memory>

#include "gpu/text/base64.hpp"
#include "gpu/text/charsmap.hpp"
#include "gpu/text/normaliser_kinds.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

constexpr std::size_t base64_bytes_max = 24 << 20;
constexpr std::size_t cluster_bytes_max = 5;  // what a reader sees as one character is looked up as a whole up to this size

std::size_t cluster_end(std::string_view text, std::size_t at) {
  utf8proc_int32_t state = 0;
  auto [value, bytes] = code_point_at(text, at);
  for (std::size_t end = at + bytes; end < text.size(); end += bytes) {
    const auto next = code_point_at(text, end);
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(value), static_cast<utf8proc_int32_t>(next.value), &state)) return end;
    value = next.value;
    bytes = next.bytes;
  }
  return text.size();
}

void apply(const Charsmap& map, Aligned& text) {
  Rewriter out(text);
  const std::string_view from = text.text;
  const auto replace = [&](std::size_t begin, std::size_t end) {
    const auto found = map.find(from.substr(begin, end - begin));
    if (found) out.put(*found, begin, end);
    return found.has_value();
  };
  for (std::size_t at = 0; at < from.size();) {
    const std::size_t end = cluster_end(from, at);
    if (end - at <= cluster_bytes_max && replace(at, end)) {
      at = end;
      continue;
    }
    while (at < end) {
      const std::size_t next = at + code_point_at(from, at).bytes;
      if (!replace(at, next)) out.keep(at, next);
      at = next;
    }
  }
  text = out.take();
}

}  // namespace

Normaliser precompiled_normaliser(const ConfigReader& config) {
  const auto member = config["precompiled_charsmap"];
  const std::string text = member.as_text();
  if (config.failed()) return {};
  if (text.size() > base64_bytes_max) return member.fail("is longer than " + std::to_string(base64_bytes_max) + " bytes"), Normaliser{};
  const auto bytes = from_base64(text);
  if (!bytes) return member.fail("is not base64"), Normaliser{};
  auto map = Charsmap::read(*bytes);
  if (!map) return member.fail(map.error()), Normaliser{};
  return [map = std::make_shared<const Charsmap>(*std::move(map))](Aligned& aligned) -> Result<void> {
    apply(*map, aligned);
    return {};
  };
}

}  // namespace luthier::text
