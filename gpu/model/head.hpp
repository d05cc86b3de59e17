// The output head, on the rows that need it and in chunks, so that no array of all tokens times the vocabulary exists.
#pragma once

#include <functional>

#include "gpu/model/batch.hpp"
#include "gpu/model/forward.hpp"
#include "gpu/model/network.hpp"
#include "gpu/model/workspace.hpp"

namespace luthier::model {

// After forward(). The sum of the losses of all rows that carry a label.
double loss(const Network& network, const Batch& batch, Workspace& workspace);

// The same, and the gradient of gradient_scale * loss: into the head's and the final norm's gradients where they are
// trained, and into workspace.dx, where the backward pass goes on.
double loss_and_gradient(const Network& network, const Batch& batch, float gradient_scale, const PassDropout& dropout,
                         Workspace& workspace);

// The same for a loss of the caller's own: `gradient` gets each chunk's logits [rows, vocabulary], writes the loss's gradient with
// respect to them in their place and returns that chunk's loss. `dropout` must be that of the forward pass.
using LogitsGradient = std::function<double(std::int64_t first, std::int64_t rows, float* logits)>;
double loss_and_gradient_by(const Network& network, const Batch& batch, const PassDropout& dropout, Workspace& workspace,
                            const LogitsGradient& gradient);

// Logits of the head rows [first, first + rows), at most size.head_chunk of them; in workspace.logits until the next call.
const float* chunk_logits(const Network& network, const Batch& batch, std::int64_t first, std::int64_t rows,
                          const PassDropout& dropout, Workspace& workspace);

// Logits of the batch's head rows, chunk by chunk: visit(first row among head_rows, rows, logits [rows, vocabulary]).
void logits(const Network& network, const Batch& batch, Workspace& workspace,
            const std::function<void(std::int64_t first, std::int64_t rows, const float* logits)>& visit);

// After forward(), of a network with or without a head: the last hidden states of all tokens, chunk by chunk: visit(first row,
// rows, states [rows, hidden]).
void hidden_states(const Network& network, const Batch& batch, Workspace& workspace,
                   const std::function<void(std::int64_t first, std::int64_t rows, const float* states)>& visit);

// The gradient of whatever was computed from the hidden states, [tokens, hidden]: into the final norm's where it is trained, and
// into workspace.dx, where the backward pass goes on.
void hidden_states_gradient(const Network& network, const Batch& batch, const float* gradient, Workspace& workspace);

}  // namespace luthier::model
