#include "gpu/train/preview.hpp"

#include "gpu/train/data_order.hpp"
#include "gpu/train/prepare.hpp"

namespace luthier::train {

Result<Preview> preview(const TrainRequest& request) {
  const auto prepared = prepare(request);
  if (!prepared) return prepared.error();
  const text::DatasetSummary& data = prepared->data.summary();
  const auto order = DataOrder::make(prepared->data.lengths(), request.config);
  if (!order) return order.error();
  return Preview{data.rows_read, data.left_out.count, data.tokens, data.supervised_tokens, order->steps_total(), order->steps_per_epoch(),
                 static_cast<std::int64_t>(prepared->memory.total())};
}

}  // namespace luthier::train
