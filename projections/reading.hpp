// Get and list over the table of a projection, wherever the table is.
#pragma once

#include "projections/projection.hpp"
#include "projections/projections.hpp"

namespace luthier::projections {

Result<std::optional<std::string>> get_document(const Projection& projection, const TableView& table, std::string_view entity,
                                                const std::string& workspace, const std::string& name);
Result<Page> list_documents(const Projection& projection, const TableView& table, std::string_view entity,
                            const std::string& workspace, const std::string& after, std::size_t limit);

// The projection that has the entity's rows, or `invalid`.
Result<std::size_t> place_of(std::string_view entity);

}  // namespace luthier::projections
