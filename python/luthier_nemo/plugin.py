"""The value of the entry point `customization` in the group `nemo.sdk`."""

from nemo_platform_plugin.sdk import NemoPluginSDKResources

from .customization import AsyncCustomization, Customization

resources = NemoPluginSDKResources(sync_resource=Customization, async_resource=AsyncCustomization)
