"""Section 8 and D.7: deployment configs, deployments, providers, and what becomes of adapters that are switched."""

import inspect

import pytest
from nemo_platform import BadRequestError, ConflictError, NotFoundError
from support import page_is_whole, problems, says, unique, wait_until

CONFIG_MEMBERS = {
    "id",
    "name",
    "workspace",
    "project",
    "description",
    "created_at",
    "updated_at",
    "entity_version",
    "engine",
    "model_spec",
    "executor_config",
    "model_entity_id",
}
DEPLOYMENT_MEMBERS = {
    "id",
    "name",
    "workspace",
    "project",
    "created_at",
    "updated_at",
    "entity_version",
    "config",
    "config_version",
    "status",
    "status_message",
    "status_history",
    "model_provider_id",
}
PROVIDER_MEMBERS = {
    "id",
    "name",
    "workspace",
    "project",
    "description",
    "host_url",
    "api_key_secret_name",
    "enabled_models",
    "served_models",
    "status",
    "status_message",
    "default_extra_body",
    "default_extra_headers",
    "required_extra_body",
    "required_extra_headers",
    "model_deployment_id",
    "auth_header_format",
    "created_at",
    "updated_at",
}


def config(name="c1", **more):
    return {"name": name, "engine": "nim", "model_spec": {"model_name": "nobody"}, "executor_config": {"gpu": 1}, **more}


def changed(**more):
    return {key: value for key, value in config(**more).items() if key != "name"}


# ------------------------------------------------------------------------------------------------ configs


def test_a_config_is_created_with_all_its_members(api, ws):
    made = api.post(ws.configs, config()).json()
    assert (
        CONFIG_MEMBERS <= set(made)
        and made["entity_version"] == 1
        and made["model_spec"]["lora_enabled"] is False
        and made["executor_config"]["disk_size"] == "50Gi"
    )
    assert api.get(f"{ws.configs}/c1").json() == made
    says(api.post(ws.configs, config(), 409), "already exists")


def test_each_change_is_a_new_version_and_all_can_be_read(ws_client, api, ws):
    api.post(ws.configs, config(description="one"))
    for version, text in ((2, "two"), (3, "three")):
        assert api.post(f"{ws.configs}/c1", changed(description=text)).json()["entity_version"] == version
    assert api.get(f"{ws.configs}/c1").json()["description"] == "three"
    versions = api.get(f"{ws.configs}/c1/versions").json()
    assert [(each["entity_version"], each["description"]) for each in versions] == [(3, "three"), (2, "two"), (1, "one")]
    assert api.get(f"{ws.configs}/c1/versions/2").json()["description"] == "two"
    assert ws_client.inference.deployment_configs.versions.retrieve("1", config="c1").description == "one"
    assert [row["entity_version"] for row in api.rows(ws.configs)] == [3]


def test_versions_that_are_none_are_400_and_unknown_ones_404(api, ws):
    api.post(ws.configs, config())
    for bad in ("x", "0", "-1", "1.5"):
        api.get(f"{ws.configs}/c1/versions/{bad}", 400)
    says(api.get(f"{ws.configs}/c1/versions/9", 404), "not found")
    api.post(f"{ws.configs}/nobody", changed(), 400)


def test_a_version_and_a_whole_config_can_be_deleted(api, ws):
    api.post(ws.configs, config())
    api.post(f"{ws.configs}/c1", changed(description="two"))
    api.delete(f"{ws.configs}/c1/versions/1")
    api.get(f"{ws.configs}/c1/versions/1", 404)
    api.delete(f"{ws.configs}/c1")
    for path in ("", "/versions/2"):
        api.get(f"{ws.configs}/c1{path}", 404)
    says(api.delete(f"{ws.configs}/c1", 404), "not found")


def test_a_config_finds_its_model(api, ws):
    api.post(ws.models, {"name": "m1"})
    spec = {"model_namespace": ws.workspace, "model_name": "m1", "lora_enabled": True}
    assert api.post(ws.configs, config(model_spec=spec)).json()["model_entity_id"] == f"{ws.workspace}/m1"
    assert api.names(ws.configs, **{"filter[model_entity_id]": f"{ws.workspace}/m1"}) == ["c1"]


@pytest.mark.parametrize(
    "members, status",
    [
        ({"engine": "steam"}, 422),
        ({"executor_config": {}}, 422),
        ({"executor_config": {"gpu": -1}}, 422),
        ({"engine": "generic"}, 400),
        (
            {
                "engine": "generic",
                "executor_config": {"gpu": 1, "image_name": "i", "health_check_path": "/h"},
                "model_spec": {"model_name": "m", "lora_enabled": True},
            },
            400,
        ),
        ({"model_spec": {"model_name": "a/b@r1", "model_revision": "r2"}}, (400, 422)),
    ],
)
def test_a_config_that_breaks_a_rule_is_refused(api, ws, members, status):
    api.post(ws.configs, config(**members), status)
    api.get(f"{ws.configs}/c1", 404)


# ------------------------------------------------------------------------------------------------ deployments by hand


@pytest.mark.by_hand
class TestByHand:
    @pytest.fixture
    def deployment(self, api, ws):
        api.post(ws.configs, config())
        api.post(f"{ws.configs}/c1", changed(description="two"))
        self.made = api.post(ws.deployments, {"name": "d1", "config": "c1"}).json()
        return f"{ws.deployments}/d1"

    def state(self, api, deployment, status, expected=200, **more):
        return api.post(f"{deployment}/status", {"status": status, **more}, expected)

    def test_a_created_deployment_has_all_its_members(self, api, deployment):
        assert (
            DEPLOYMENT_MEMBERS <= set(self.made)
            and self.made["status"] == "CREATED"
            and self.made["status_message"] == "Deployment created"
        )
        assert (
            self.made["status_history"] == []
            and self.made["config_version"] == 2
            and self.made["entity_version"] == 1
            and self.made["model_provider_id"] is None
        )
        assert api.get(deployment).json() == self.made

    def test_a_taken_name_is_409_and_a_missing_config_400(self, api, ws, deployment):
        says(api.post(ws.deployments, {"name": "d1", "config": "c1"}, 409), "already exists")
        says(api.post(ws.deployments, {"name": "d2", "config": "nobody"}, 400), "does not exist")
        api.post(ws.deployments, {"name": "d2"}, 422)

    def test_a_config_version_can_be_chosen(self, api, ws, deployment):
        assert api.post(ws.deployments, {"name": "d2", "config": "c1", "config_version": 1}).json()["config_version"] == 1

    def test_status_changes_are_taken_in_order_and_the_last_entry_is_the_present_state(self, api, deployment):
        for status in ("PENDING", "READY", "LOST", "READY"):
            answer = self.state(api, deployment, status, status_message=f"now {status}").json()
            assert answer["status"] == status and answer["status_history"][-1]["status"] == status
        history = api.get(deployment).json()["status_history"]
        assert [entry["status"] for entry in history] == ["CREATED", "PENDING", "READY", "LOST", "READY"]
        assert history[-1]["status_message"] == "now READY" and [entry["timestamp"] for entry in history] == sorted(
            entry["timestamp"] for entry in history
        )

    def test_a_status_may_name_the_provider(self, api, ws, deployment):
        assert (
            self.state(api, deployment, "READY", model_provider_id=f"{ws.workspace}/p1").json()["model_provider_id"] == f"{ws.workspace}/p1"
        )

    def test_unknown_states_are_422(self, api, deployment):
        assert problems(self.state(api, deployment, "RUNNING", 422))[0][0] == "enum"
        assert problems(self.state(api, deployment, "READY", 422, status_message="x" * 1001))[0][0] == "string_too_long"

    def test_an_update_is_a_new_version_that_is_pending(self, api, deployment):
        after = api.post(deployment, {"config": "c1", "config_version": 1}).json()
        assert after["entity_version"] == 2 and after["status"] == "PENDING" and after["config_version"] == 1
        assert [each["entity_version"] for each in api.get(f"{deployment}/versions").json()] == [2, 1]
        assert api.get(f"{deployment}/versions/1").json()["entity_version"] == 1
        api.get(f"{deployment}/versions/x", 400)
        api.get(f"{deployment}/versions/9", 404)

    def test_all_versions_are_listed_when_asked_for(self, api, ws, deployment):
        api.post(deployment, {"config": "c1"})
        assert len(api.rows(ws.deployments)) == 1 and len(api.rows(ws.deployments, all_versions="true")) == 2

    def test_a_deployment_that_is_deleted_takes_no_other_state(self, api, ws, deployment):
        answer = api.delete(deployment, 202)
        assert answer.content in (b"", b"null")
        assert api.get(deployment).json()["status"] == "DELETING"
        self.state(api, deployment, "READY", 409)
        says(api.delete(f"{ws.configs}/c1", 409), "d1")
        self.state(api, deployment, "DELETED")
        api.delete(f"{ws.configs}/c1")

    def test_its_models_are_a_list(self, api, ws, deployment):
        answer = api.get(f"{deployment}/models").json()
        assert answer["workspace"] == ws.workspace and answer["name"] == "d1" and answer["models"] == []

    def test_deployments_are_listed_and_filtered(self, api, ws, deployment):
        api.post(ws.deployments, {"name": "d2", "config": "c1"})
        self.state(api, deployment, "READY")
        answer = api.get(ws.deployments).json()
        page_is_whole(answer)
        assert [row["name"] for row in answer["data"]] == ["d1", "d2"]
        assert api.names(ws.deployments, **{"filter[status]": "READY"}) == ["d1"] and sorted(
            api.names(ws.deployments, **{"filter[config]": "c1"})
        ) == ["d1", "d2"]


def test_missing_deployments_are_404(api, ws):
    for call in (
        lambda: api.get(f"{ws.deployments}/nobody", 404),
        lambda: api.delete(f"{ws.deployments}/nobody", 404),
        lambda: api.post(f"{ws.deployments}/nobody/status", {"status": "READY"}, 404),
        lambda: api.get(f"{ws.deployments}/nobody/models", 404),
    ):
        says(call(), "not found")


# ------------------------------------------------------------------------------------------------ providers


def test_a_provider_is_created_with_all_its_members(api, ws):
    made = api.post(ws.providers, {"name": "p1", "host_url": "http://127.0.0.1:9"}).json()
    assert (
        PROVIDER_MEMBERS <= set(made)
        and made["status"] == "CREATED"
        and made["status_message"] == "Model provider created"
        and made["id"].startswith("model-provider-")
    )
    says(api.post(ws.providers, {"name": "p1", "host_url": "http://127.0.0.1:9"}, 409), "already exists")


def test_put_creates_a_provider_and_replaces_it(api, ws):
    first = api.put(f"{ws.providers}/p1", {"name": "p1", "host_url": "http://127.0.0.1:9", "description": "one"}).json()
    second = api.put(f"{ws.providers}/p1", {"name": "p1", "host_url": "http://127.0.0.1:8"}).json()
    assert (
        first["status"] == "CREATED"
        and second["host_url"] == "http://127.0.0.1:8"
        and second["description"] is None
        and second["id"] == first["id"]
    )


def test_a_provider_that_breaks_a_rule_is_refused(api, ws):
    api.post(ws.providers, {"name": "p1"}, 422)
    api.post(ws.providers, {"name": "p1", "host_url": "http://127.0.0.1:9", "enabled_models": "all"}, 422)
    api.put(f"{ws.providers}/p1", {"name": "p1", "host_url": "http://127.0.0.1:9", "enabled_models": "all"}, 422)
    says(api.post(ws.providers, {"name": "p1", "host_url": "http://127.0.0.1:9", "api_key_secret_name": "nobody"}, 400), "not found")


def test_a_providers_status_is_changed_in_parts(api, ws):
    api.post(ws.providers, {"name": "p1", "host_url": "http://127.0.0.1:9"})
    served = [{"model_entity_id": f"{ws.workspace}/m1", "served_model_name": "m1"}]
    assert api.put(f"{ws.providers}/p1/status", {"served_models": served}).json()["served_models"] == served
    after = api.put(f"{ws.providers}/p1/status", {"status_message": "hello"}).json()
    assert after["served_models"] == served and after["status_message"] == "hello"
    says(api.put(f"{ws.providers}/nobody/status", {"status": "READY"}, 404), "not found")


def test_a_provider_lives_its_whole_life_in_the_client(ws_client):
    ws_client.inference.providers.create(name="p1", host_url="http://127.0.0.1:9", description="d")
    with pytest.raises(ConflictError):
        ws_client.inference.providers.create(name="p1", host_url="http://127.0.0.1:9")
    assert [provider.name for provider in ws_client.inference.providers.list()] == ["p1"]
    assert ws_client.inference.providers.delete("p1") is None
    with pytest.raises(NotFoundError, match="not found"):
        ws_client.inference.providers.retrieve("p1")


# ------------------------------------------------------------------------------------------------ the trained job's deployment


def test_the_deployment_config_and_provider_have_the_names_that_tutorials_compute(client, trained):
    deployment = client.inference.deployments.retrieve(trained.deployment)
    assert (
        deployment.status == "READY"
        and deployment.status_history[-1].status == "READY"
        and deployment.model_provider_id == f"default/{trained.deployment}"
    )
    config = client.inference.deployment_configs.retrieve(deployment.config)
    model_spec = config.model_spec if isinstance(config.model_spec, dict) else config.model_spec.to_dict()  # 0.1.2 has no type for it
    assert (
        config.name == f"sft-cfg-{trained.model}"
        and config.engine == "nim"
        and model_spec["lora_enabled"] is True
        and model_spec["model_name"] == trained.model
    )
    provider = client.inference.providers.retrieve(trained.deployment)
    assert provider.status == "READY" and provider.model_deployment_id == f"default/{trained.deployment}"


def test_the_clients_own_waits_come_to_an_end(client, trained, capsys):
    assert client.models.wait_for_status(trained.deployment, "READY", timeout=30)
    assert client.models.wait_for_gateway(trained.deployment, timeout=30)
    assert client.models.wait_for_provider(trained.deployment, timeout=30)


def test_base_and_adapter_are_among_the_providers_served_models(client, api, default, trained):
    composite = f"default/{trained.model}&adapters/default/{trained.adapter}"
    served = wait_until(
        lambda: (
            {
                each["model_entity_id"]: each["served_model_name"]
                for each in api.get(f"{default.providers}/{trained.deployment}").json()["served_models"]
            }
            if composite in api.get(f"{default.providers}/{trained.deployment}").text
            else None
        ),
        30,
        what=composite,
    )
    assert f"default/{trained.model}" in served and served[composite].endswith(trained.served)
    assert f"default/{trained.deployment}" in client.models.retrieve(trained.model).model_providers


def served_names(api, default, trained):
    return [row["id"] for row in api.rows(f"{default.gateway}/provider/{trained.deployment}/-/v1/models")]


def test_a_disabled_adapter_leaves_inference_and_comes_back(client, api, default, trained):
    client.models.update_adapter(model_name=trained.model, workspace="default", adapter_name=trained.adapter, enabled=False)
    wait_until(lambda: trained.served not in str(served_names(api, default, trained)), 30, what="the adapter's leaving")
    client.models.update_adapter(model_name=trained.model, workspace="default", adapter_name=trained.adapter, enabled=True)
    wait_until(lambda: trained.served in str(served_names(api, default, trained)), 30, what="the adapter's return")


def test_an_adapter_made_by_hand_is_served_too(client, api, default, trained):
    from support import TINY_ADAPTER, tiny_files, upload

    name = unique("hand")
    upload(api, default, name, tiny_files(TINY_ADAPTER))
    client.models.create_adapter(
        model_name=trained.model, workspace="default", name=name, fileset=f"default/{name}", finetuning_type="lora"
    )
    wait_until(lambda: f"default--{name}" in str(served_names(api, default, trained)), 30, what="the adapter")
    client.models.adapters.delete(name, model_name=trained.model)
    wait_until(lambda: f"default--{name}" not in str(served_names(api, default, trained)), 30, what="the adapter's end")


def create_config(client, name, **members):
    """As 0.3.0 has it. 0.1.2 insists on a member of an older interface, which the server passes over."""
    create = client.inference.deployment_configs.create
    if "nim_deployment" in inspect.signature(create).parameters:
        return create(name=name, nim_deployment={"gpu": 1}, extra_body=members)
    return create(name=name, **members)


def test_a_deployment_of_a_model_serves_it_and_can_be_deleted(client, api, default, base_model, capsys):
    name = unique("own")
    create_config(
        client,
        name,
        engine="nim",
        model_spec={"model_namespace": "default", "model_name": base_model, "lora_enabled": True},
        executor_config={"gpu": 1},
    )
    assert client.inference.deployments.create(name=name, config=name).status == "CREATED"
    assert client.models.wait_for_status(name, "READY", timeout=120)
    assert client.inference.deployments.retrieve(name).model_provider_id == f"default/{name}"
    with pytest.raises(ConflictError):
        client.inference.deployment_configs.delete(name)
    client.inference.deployments.delete(name)
    assert client.models.wait_for_status(name, "DELETED", timeout=120)
    client.inference.deployment_configs.delete(name)
    with pytest.raises((NotFoundError, BadRequestError)):
        client.inference.deployment_configs.retrieve(name)
    api.get(f"{default.providers}/{name}", 404)
