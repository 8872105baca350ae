"""A grant to carry: one file that says these bytes were granted, checked where the model is deployed.

The file holds, beside the issuer's own signed statement (a DSSE envelope), everything that it can be checked against:

- a checkpoint of the ledger, signed by somebody else than the issuer: the size and root of the tree, and the digest of
  all lists of trust and key revocations in it;
- the grant's row and the rows that it rests on (the request and its approvals; the orders of a rollback or of
  break-glass; an adoption), each with its audit path (RFC 6962) to the checkpoint's root;
- the lists of trust and key revocations, all of them: by these, and not by what the issuer says, an approval is a
  person's in a role, the issuer a policy owner or a server, and no key of either one that was revoked.

To check it takes the file, the model's folder and the two public keys: no database, no network, no MLflow. What the
issuer alone vouches for is that the grant still stood when the file was made, and which approvals the plan asked for.
"""

from aims_gates.workflow.portable_grant.file import LONGEST_DAYS
from aims_gates.workflow.portable_grant.issue import compose, issue
from aims_gates.workflow.portable_grant.verify import ACCEPTABLE, VerifiedGrant, verify_grant

__all__ = ["ACCEPTABLE", "LONGEST_DAYS", "VerifiedGrant", "compose", "issue", "verify_grant"]
