#include "gpu/text/regex_stand_ins.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "gpu/text/unicode_tables.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

struct StandIn {
  std::string_view kind;
  char32_t three_bytes, four_bytes;
};
// Alphabetic where the newer ones are, as far as a kind tells.
constexpr StandIn stand_ins[] = {
    {"Lu", 0x1E00, 0x10400},   {"Ll", 0x1E01, 0x10428},   {"Lm", 0x1D2C, 0x10780}, {"Lo", 0xA000, 0x10000},
    {"Mn", 0x0951, 0x101FD},  {"Mc", 0x0903, 0x11000},  {"Nd", 0x0966, 0x104A0}, {"No", 0x2460, 0x10107},
    {"Pd", 0x2010, 0x10EAD},  {"Po", 0x2020, 0x10100},   {"Sm", 0x2044, 0x1D6C1},  {"So", 0x2100, 0x1D000},
    {"Cf", 0x200B, 0x110BD},   {"Han", 0x4E00, 0x20000}};

struct Newer {
  char32_t first, last;
  const StandIn* stand_in;
};

// All of them in order.
std::vector<Newer> collect() {
  std::vector<Newer> all;
  for (const auto& [name, ranges] : tables::newer) {
    const auto at = std::find_if(std::begin(stand_ins), std::end(stand_ins), [&, kind = name](const auto& each) { return each.kind == kind; });
    const bool han = name == "Han";
    for (const auto& [first, last] : ranges) {
      // Han characters are Lo too, and are listed there first.
      const auto same = std::find_if(all.begin(), all.end(), [&, low = first, high = last](const Newer& each) { return han && each.first == low && each.last == high; });
      if (same != all.end()) {
        same->stand_in = at;
      } else {
        all.push_back({first, last, at});
      }
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return all;
}

const StandIn* find(char32_t c) {
  static const std::vector<Newer> newer = collect();
  const auto behind = std::upper_bound(newer.begin(), newer.end(), c, [](char32_t value, const auto& each) { return value < each.first; });
  return behind != newer.begin() && c <= std::prev(behind)->last ? std::prev(behind)->stand_in : nullptr;
}

}  // namespace

bool put_stand_ins(std::string_view valid, std::string& changed) {
  bool any = false;
  for (std::size_t at = 0; at < valid.size();) {
    if (static_cast<unsigned char>(valid[at]) < 0xE0) {  // no newer character has fewer than three bytes
      ++at;
      continue;
    }
    const auto [value, bytes] = code_point_at(valid, at);
    if (const StandIn* stand_in = find(value)) {
      if (!any) changed = valid;
      any = true;
      std::string older;
      append_utf8(older, bytes == 3 ? stand_in->three_bytes : stand_in->four_bytes);
      changed.replace(at, bytes, older);
    }
    at += bytes;
  }
  return any;
}

}  // namespace luthier::text
