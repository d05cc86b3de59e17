#include "gpu/model/inputs.hpp"

#include <vector>

#include "gpu/kernels/bias.hpp"
#include "gpu/kernels/embedding.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/model/stored_linear.hpp"

namespace luthier::model {
namespace {

std::vector<std::int32_t> learned_positions(const Pass& pass) {
  std::vector<std::int32_t> positions = pass.batch.positions;
  for (std::int32_t& position : positions) position += static_cast<std::int32_t>(pass.network.decoder.position_offset);
  return positions;
}

}  // namespace

void inputs_forward(const Pass& pass, float* x) {
  const Inputs& in = pass.network.inputs;
  const std::int64_t tokens = pass.tokens(), hidden = pass.hidden();
  float* sum = pass.ws.embedded ? pass.ws.embedded : x;
  if (in.stored_tokens)
    gather_stored_rows(in.stored_tokens, tokens, hidden, pass.batch.ids.data(), sum);
  else
    kernels::gather_rows(tokens, hidden, in.tokens, pass.batch.ids.data(), sum);
  if (in.scale != 1.0f) kernels::scale(tokens * hidden, in.scale, sum);
  if (in.positions) kernels::add_gathered_rows(tokens, hidden, in.positions, learned_positions(pass).data(), sum);
  if (in.type) kernels::add_bias(tokens, hidden, in.type, sum, hidden);
  if (in.norm) norm_forward(in.norm, tokens, sum, x, pass.ws.embedded_stats);
}

void inputs_backward(const Pass& pass) {
  const Inputs& in = pass.network.inputs;
  const std::int64_t tokens = pass.tokens(), hidden = pass.hidden();
  float* dx = pass.ws.dx;
  if (in.norm) norm_backward(in.norm, tokens, pass.ws.embedded, pass.ws.embedded_stats, dx, 0, dx);
  if (in.positions_gradient)
    kernels::scatter_add_rows(tokens, hidden, dx, learned_positions(pass).data(), in.positions_gradient);
  if (in.type_gradient) kernels::bias_backward(tokens, hidden, dx, hidden, in.type_gradient);
  if (in.scale != 1.0f) kernels::scale(tokens * hidden, in.scale, dx);
  // transformers looks tokens up with torch's padding_idx: that row learns nothing as an input, even where a chat template
  // writes the token (its end token is often the padding as well). As an output of tied weights it learns.
  kernels::scatter_add_rows(tokens, hidden, dx, pass.batch.ids.data(), in.tokens_gradient, pass.network.decoder.pad_token_id);
}

}  // namespace luthier::model
