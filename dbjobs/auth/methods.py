"""All auth methods, in the order in which they are tried: that of the official SDKs.

Source: https://docs.databricks.com/dev-tools/auth/unified-auth
"""

from dbjobs.auth import azure, browser, identity, local, oauth, programs

AUTH_METHODS = {
    method.name: method
    for method in (
        local.personal_access_token,
        local.user_name_and_password,
        local.metadata_service,
        oauth.service_principal,
        identity.identity_token_in_variable,
        identity.identity_token_in_file,
        identity.github_actions,
        azure.service_principal,
        azure.managed_identity,
        azure.github_actions,
        local.netrc,
        programs.azure_cli,
        identity.azure_devops,
        browser.external_browser,
        programs.databricks_cli,
        local.databricks_runtime,
    )
}

NOT_OFFERED = {
    "google-credentials": "create a service principal in Databricks, and use oauth-m2m",
    "google-id": "create a service principal in Databricks, and use oauth-m2m",
    "model-serving": "use another auth method; dbjobs does not run in a model's endpoint",
    "runtime-oauth": "use runtime",
}
"""Auth methods of the official SDKs that dbjobs leaves out, and what to do instead."""
