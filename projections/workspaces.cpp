#include "projections/fold.hpp"

namespace luthier::projections {

void fold(Rows& rows, const WorkspaceCreated& event) { rows.create({{"description", event.description}}); }
void fold(Rows& rows, const WorkspaceDeleted&) { rows.erase(); }

}  // namespace luthier::projections
