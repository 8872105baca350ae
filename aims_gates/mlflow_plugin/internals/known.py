"""What somebody has looked at: the methods and tables of MLflow's registry. Whatever else there is, is refused."""

__all__ = ["METHODS", "TABLES"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Every public method of MLflow's store class, 3.10 to 3.18. The gated store overrides what changes production; the
#: others read, or write what nothing is decided by, or go through one that is overridden (prompts, copies of versions).
METHODS = _words(
    """
    copy_model_version create_model_version create_prompt create_prompt_version create_registered_model
    create_webhook delete_model_version delete_model_version_tag delete_prompt delete_prompt_alias delete_prompt_tag
    delete_prompt_version delete_prompt_version_tag delete_registered_model delete_registered_model_alias
    delete_registered_model_tag delete_webhook get_latest_versions get_model_version get_model_version_by_alias
    get_model_version_download_uri get_prompt get_prompt_version get_prompt_version_by_alias get_registered_model
    get_webhook link_prompt_version_to_model link_prompt_version_to_run link_prompts_to_trace list_webhooks
    list_webhooks_by_event rename_registered_model search_model_versions search_prompt_versions search_prompts
    search_registered_models set_model_version_tag set_prompt_alias set_prompt_tag set_prompt_version_tag
    set_registered_model_alias set_registered_model_tag supports_workspaces test_webhook
    transition_model_version_stage update_model_version update_registered_model update_webhook
    """
)

#: Every table that MLflow's registry and tracking stores declare, 3.10 to 3.18.
TABLES = _words(
    """
    assessments budget_policies datasets endpoint_bindings endpoint_model_mappings endpoint_tags endpoints
    entity_associations evaluation_dataset_records evaluation_dataset_tags evaluation_datasets experiment_tags
    experiments guardrail_configs guardrails input_tags inputs issue_categories issues job_locks jobs label_schemas
    latest_metrics logged_model_metrics logged_model_params logged_model_tags logged_models mcp_access_endpoints
    mcp_server_aliases mcp_server_tags mcp_server_version_tags mcp_server_versions mcp_servers metrics
    model_definitions model_version_tags model_versions online_scoring_configs params registered_model_aliases
    registered_model_tags registered_models review_queue_items review_queue_label_schemas review_queue_users
    review_queues runs scheduler_leases scorer_versions scorers secrets skill_aliases skill_tags skill_version_tags
    skill_versions skills span_metrics spans sql_assessment_daily_rollups sql_span_cost_daily_rollups
    sql_trace_metric_daily_rollups sql_trace_rollup_rebuild_queue tags trace_info trace_metrics
    trace_request_metadata trace_tags webhook_events webhooks workspaces
    """
)
