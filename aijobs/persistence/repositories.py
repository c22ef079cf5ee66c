"""All database ports that the steps of a job need, in one object."""

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.retention import RetentionSettings
from aijobs.domain.jobs.slots.limits import LimitsSettings
from aijobs.persistence.database import Database
from aijobs.persistence.documents.conversations import DatabaseConversations
from aijobs.persistence.generation_times import DatabaseGenerationTimes
from aijobs.persistence.jobs.gate import DatabaseJobGate
from aijobs.persistence.jobs.housekeeping import DatabaseHousekeeping
from aijobs.persistence.jobs.outputs import DatabaseOutputLog
from aijobs.persistence.jobs.queries import DatabaseJobQueries
from aijobs.persistence.jobs.resolutions import DatabaseLateOutcomes
from aijobs.persistence.jobs.schedule import DatabaseExpiries
from aijobs.persistence.jobs.start_conditions import DatabaseStartConditions
from aijobs.persistence.jobs.starts import DatabaseJobStarts
from aijobs.persistence.jobs.submissions import DatabaseSubmissionLog
from aijobs.persistence.pauses import DatabaseReleases
from aijobs.persistence.retention.retention import DatabaseRetention
from aijobs.persistence.slots.grants import DatabaseSlotGrants
from aijobs.persistence.slots.outlook import SlotRules
from aijobs.persistence.vendor_credentials import DatabaseCredentialHealth


class DatabaseRecords:
    """One attribute for each port."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        limits: LimitsSettings | None = None,
        retention: RetentionSettings | None = None,
    ) -> None:
        rules = SlotRules(limits or LimitsSettings(), catalogue)
        self.gate = DatabaseJobGate(database, catalogue)
        self.queries = DatabaseJobQueries(database)
        self.credential_health = DatabaseCredentialHealth(database)
        self.submissions = DatabaseSubmissionLog(database, rules)
        self.starts = DatabaseJobStarts(database, catalogue)
        self.expiries = DatabaseExpiries(database)
        self.releases = DatabaseReleases(database)
        self.start_conditions = DatabaseStartConditions(database, catalogue)
        self.slot_grants = DatabaseSlotGrants(database, rules)
        self.outputs = DatabaseOutputLog(database, catalogue)
        self.conversations = DatabaseConversations(database)
        self.late_outcomes = DatabaseLateOutcomes(database)
        self.generation_times = DatabaseGenerationTimes(database)
        self.housekeeping = DatabaseHousekeeping(database, catalogue)
        self.retention = DatabaseRetention(database, catalogue, retention or RetentionSettings())
