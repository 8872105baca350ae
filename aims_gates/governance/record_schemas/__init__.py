"""The shapes of records: a table from a record's name to its shape, one module per group."""

from collections.abc import Mapping
from types import MappingProxyType

from aims_gates.governance.record_schemas import assurance, data, design, operation, organization, rights
from aims_gates.governance.record_schemas.base import Reviewed, Shape

__all__ = ["SHAPES", "Reviewed", "Shape"]

#: Record name -> its shape. ``organization/X`` lies in records/organization/X.yaml, ``system/X`` beside a system.yaml.
SHAPES: Mapping[str, type[Reviewed]] = MappingProxyType(
    {
        "organization/context": organization.Context,
        "organization/ai_policy": organization.AIPolicy,
        "organization/roles": organization.Roles,
        "organization/training": organization.Training,
        "organization/concerns": organization.Concerns,
        "organization/communication": organization.Communication,
        "organization/resources": organization.Resources,
        "organization/impact_process": organization.ImpactProcess,
        "organization/lifecycle": organization.Lifecycle,
        "organization/use_policy": organization.UsePolicy,
        "organization/suppliers": organization.Suppliers,
        "organization/risk_register": assurance.RiskRegister,
        "organization/objectives": assurance.Objectives,
        "organization/incidents": assurance.Incidents,
        "organization/reporting_obligations": assurance.ReportingObligations,
        "organization/nonconformities": assurance.Nonconformities,
        "organization/statement_of_applicability": assurance.StatementOfApplicability,
        "organization/audit_programme": assurance.AuditProgramme,
        "organization/management_reviews": assurance.ManagementReviews,
        "organization/planned_changes": assurance.PlannedChanges,
        "system/assignments": design.Assignments,
        "system/impact_assessment": design.ImpactAssessment,
        "system/bias_audit": assurance.BiasAudit,
        "system/fundamental_rights": rights.FundamentalRights,
        "system/special_categories": rights.SpecialCategories,
        "system/history": design.History,
        "system/change": design.VersionChange,
        "system/design_record": design.DesignRecord,
        "system/technical_file": design.TechnicalFile,
        "system/user_information": design.UserInformation,
        "system/resources": data.SystemResources,
        "system/datasheets": data.Datasheets,
        "system/data_plan": data.DataPlan,
        "system/data_preparation": data.DataPreparation,
        "system/components": data.Components,
        "system/value_chain": data.ValueChain,
        "system/customers": data.Customers,
        "system/deployment_plan": operation.DeploymentPlan,
        "system/rollback_plan": operation.RollbackPlan,
        "system/monitoring": operation.Monitoring,
        "system/logging": operation.Logging,
        "system/oversight": operation.Oversight,
        "system/kill_switch": operation.KillSwitch,
        "system/decommission": operation.Decommission,
        "system/external_reporting": operation.ExternalReporting,
    }
)
