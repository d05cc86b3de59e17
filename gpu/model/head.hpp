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

// Logits of the batch's head rows, chunk by chunk: visit(first row among head_rows, rows, logits [rows, vocabulary]).
void logits(const Network& network, const Batch& batch, Workspace& workspace,
            const std::function<void(std::int64_t first, std::int64_t rows, const float* logits)>& visit);

}  // namespace luthier::model
