// What attention does with one tile of scores, keys by queries. Internal to the kernels.
//
// A tile lies turned: row r is a key, and its `tile_lanes` columns are queries. So the largest score of a query, its sum and its mask
// go down a column, lane by lane, and no vector is ever added up across its lanes.
#pragma once

#include <cstdint>

#include "gpu/kernels/attention.hpp"

namespace luthier::kernels::tile {

constexpr std::int64_t tile_lanes = 32;
constexpr std::int64_t tile_keys = 64;
constexpr float nothing_seen = -1e25f;  // the top of a query that has seen no key: below any score, above any that is masked

inline std::int64_t padded(std::int64_t head_dim) { return (head_dim + 15) / 16 * 16; }

// The keys [from, to) of a tile that at least one of the queries sees; `masked` when not all of them see all of these.
struct Seen {
  std::int64_t from = 0, to = 0;
  bool masked = false;
  bool empty() const { return from >= to; }
};
Seen seen_by(const AttentionShape& shape, std::int64_t first_query, std::int64_t queries, std::int64_t first_key, std::int64_t keys);

// Scores become what the softmax sees: times scale, capped, and left out where the distance from a key to a query is not in [0, window).
struct Scores {
  float scale = 1, softcap = 0;
  bool masked = false;
  float distance = 0;  // from key 0 to query 0, in rows
  float window = 0;
};
Scores scores_of(const AttentionShape& shape, const Seen& seen, std::int64_t first_query, std::int64_t first_key);

// out[d * tile_lanes + r] = in[r * ld + d], 0 for rows from `rows` on; `width` rows of out.
void turn(std::int64_t rows, std::int64_t width, const float* in, std::int64_t ld, float* out);
// out[r * ld + d] = in[d * tile_lanes + r] * by[r]
void turn_back(std::int64_t rows, std::int64_t width, const float* in, const float* by, float* out, std::int64_t ld);
// Rows one after the other, `padded` wide, with zeros behind.
void pack(std::int64_t rows, std::int64_t width, const float* in, std::int64_t ld, float* out);

// Online softmax of a tile [keys, tile_lanes]: scores become their exponentials below the new tops; totals follow. False: no top has
// changed, else `corrections` is what everything summed so far must be multiplied with.
bool softmax(const Scores& how, std::int64_t keys, float* scores, float* tops, float* totals, float* corrections);
void multiply_columns(std::int64_t rows, const float* by, float* x);

// Scores become probabilities, and dp, the probabilities' gradient, becomes that of the products q . k. Leading dimension ld.
void softmax_backward(const Scores& how, std::int64_t keys, const float* log_sum_exp, const float* row_dots, float* scores, float* dp,
                      std::int64_t ld);

float dot(std::int64_t count, const float* x, const float* y);

}  // namespace luthier::kernels::tile
