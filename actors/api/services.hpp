// The services, one file each.
#pragma once

#include "actors/api/routes.hpp"

namespace luthier::api {

void add_workspaces(Routes& routes, Services& services);    // and members
void add_projects(Routes& routes, Services& services);
void add_entities(Routes& routes, Services& services);
void add_files(Routes& routes, Services& services);         // filesets, their files, and the API of the Hugging Face hub
void add_models(Routes& routes, Services& services);
void add_adapters(Routes& routes, Services& services);
void add_prompts(Routes& routes, Services& services);
void add_customization(Routes& routes, Services& services);  // fine-tuning jobs
void add_jobs(Routes& routes, Services& services);           // jobs of all kinds, their logs and results
void add_secrets(Routes& routes, Services& services);
void add_deployment_configs(Routes& routes, Services& services);
void add_deployments(Routes& routes, Services& services);
void add_providers(Routes& routes, Services& services);
void add_virtual_models(Routes& routes, Services& services);
void add_inference(Routes& routes, Services& services);     // the gateway to what is served
void add_live(Routes& routes, Services& services);          // the event log live, past states, curves, the audit
void add_page(Routes& routes, Services& services);          // the web page at /
void add_meta(Routes& routes, Services& services);          // health, status, cluster-info, discovery, OpenAPI

}  // namespace luthier::api
