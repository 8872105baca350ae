"""By what a model's names, tags and columns look like a tier: words. Tables alone.

They serve a proposal, so that somebody has a place to begin; a tier is what the classification's answers give.
"""

from collections.abc import Mapping

__all__ = ["HIGH", "LIMITED", "PEOPLE_COLUMNS", "PROTECTED"]

#: Fields of Annex III of Regulation (EU) 2024/1689, by words of a name, a tag or a description.
HIGH: Mapping[str, frozenset[str]] = {
    "credit and insurance (Annex III, 5)": frozenset(
        {"credit", "creditworthiness", "insurance", "lending", "loan", "loans", "mortgage", "underwriting"}
    ),
    "employment (Annex III, 4)": frozenset(
        {
            "applicant",
            "applicants",
            "candidates",
            "cv",
            "employee",
            "hiring",
            "hr",
            "recruiting",
            "recruitment",
            "resume",
        }
    ),
    "education (Annex III, 3)": frozenset({"admission", "admissions", "exam", "grading", "pupil", "school", "student"}),
    "essential services (Annex III, 5)": frozenset({"benefit", "benefits", "emergency", "triage", "welfare"}),
    "biometrics (Annex III, 1)": frozenset({"biometric", "biometrics", "emotion", "face", "fingerprint"}),
    "law enforcement, migration and justice (Annex III, 6 to 8)": frozenset(
        {"asylum", "border", "court", "crime", "migration", "police", "recidivism", "visa"}
    ),
    "critical infrastructure (Annex III, 2)": frozenset({"grid", "power", "railway", "water"}),
    "health": frozenset({"clinical", "diagnosis", "medical", "patient", "patients"}),
}
#: What gives content or talks with people.
LIMITED = frozenset(
    {"agent", "answer", "assistant", "bot", "chat", "chatbot", "generation", "generator", "gpt", "llm", "recommend",
     "recommendation", "recommender", "summarizer", "support", "translation"}
)  # fmt: skip
#: Columns about traits that non-discrimination law protects.
PROTECTED = frozenset(
    {
        "age",
        "birth",
        "disability",
        "ethnicity",
        "gender",
        "marital",
        "nationality",
        "pregnancy",
        "race",
        "religion",
        "sex",
    }
)
#: Columns about people.
PEOPLE_COLUMNS = frozenset(
    {"address", "customer", "email", "income", "name", "person", "phone", "salary", "user", "zip"}
)
