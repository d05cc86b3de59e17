"""What NVIDIA's `nemo_platform` client lacks for the fine-tuning tutorials, as a plug-in of that client.

    client.customization.jobs            create, retrieve, list, get_status, get_logs, cancel, delete
    client.customization.automodel.jobs  the same, and get_job_resource, plugin_status; also .unsloth.jobs
    client.models.update_adapter, client.models.create_adapter
    nemo_platform.types.customization    the parameter types, which are also in luthier_nemo.types

The first two are found by the client itself, through an entry point. The others need the import hook that hook.py
explains. This file imports nothing: the hook's line runs at each start of Python and must cost next to nothing.
"""

__version__ = "0.1.0"
