// The router of a mixture of experts: which experts a token goes to, with which share; and the experts' tokens in a row.
#pragma once

#include <cstdint>

namespace luthier::kernels {

struct Router {
  std::int64_t tokens = 0;
  std::int64_t experts = 0;
  std::int64_t per_token = 0;  // at most `experts`
  // The shares of the chosen ones sum to one: a softmax over the chosen logits, which is the same as one over all of them with
  // the chosen ones' divided by their sum. Else they are those of a softmax over all.
  bool sums_to_one = true;

  std::int64_t rows() const { return tokens * per_token; }  // of all experts together
};

// logits: [tokens, experts]; they become the softmax over all experts unless sums_to_one. chosen, shares: [tokens, per_token],
// the largest logits first; of equal ones the first expert.
void route(const Router& router, float* logits, std::int32_t* chosen, float* shares);

// dlogits: [tokens, experts], overwritten, from the gradients of the shares. softmax: what route() left in `logits`.
void route_backward(const Router& router, const float* softmax, const std::int32_t* chosen, const float* shares,
                    const float* dshares, float* dlogits);

// Sorts the rows by expert, and by token within an expert. first_row: [experts + 1]; expert e has the rows
// [first_row[e], first_row[e + 1]). row_of: [tokens, per_token], where each choice has gone; token_of: [rows()], from where.
void sort_by_expert(const Router& router, const std::int32_t* chosen, std::int32_t* first_row, std::int32_t* row_of,
                    std::int32_t* token_of);

namespace plain {  // the same contracts

void route(const Router& router, float* logits, std::int32_t* chosen, float* shares);
void route_backward(const Router& router, const float* softmax, const std::int32_t* chosen, const float* shares,
                    const float* dshares, float* dlogits);

}  // namespace plain
}  // namespace luthier::kernels
