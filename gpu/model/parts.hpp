// The three kinds of parts, forward and backward. Internal to gpu/model.
//
// x: [tokens, hidden], the part's input. Forward: y = beta * y + part(x), and `b` keeps what backward needs;
// y nullptr: nothing else is wanted. Backward: dy is the
// gradient of what the part computed; dx is overwritten with its input's, nullptr: nothing below needs it; it may not be dy.
// Gradients of whatever is trained are added to. backward() destroys what forward() kept.
#pragma once

#include "gpu/model/pass.hpp"

namespace luthier::model {

void part_forward(const Pass& pass, const BlockShape& shape, const Attention& part, BlockBuffers& b, const float* x, float beta, float* y);
void part_backward(const Pass& pass, const BlockShape& shape, const Attention& part, BlockBuffers& b, const float* x, const float* dy, float* dx);

void part_forward(const Pass& pass, const BlockShape& shape, const FeedForward& part, BlockBuffers& b, const float* x, float beta, float* y);
void part_backward(const Pass& pass, const BlockShape& shape, const FeedForward& part, BlockBuffers& b, const float* x, const float* dy, float* dx);

void part_forward(const Pass& pass, const BlockShape& shape, const Mixture& part, BlockBuffers& b, const float* x, float beta, float* y);
void part_backward(const Pass& pass, const BlockShape& shape, const Mixture& part, BlockBuffers& b, const float* x, const float* dy, float* dx);

}  // namespace luthier::model
