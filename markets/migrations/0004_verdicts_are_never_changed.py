"""Verdicts are facts: the database refuses to change or delete one. What was approved before is carried over.

An approval keeps its digest where the texts are still those it was given for; it is written anew over everything that the
digest covers now, with a version row for it. Where the texts differ the old digest stays, and the next refresh suspends
the pair, as it would have. Settlement was not judged before: such pairs are no arbitrage until a person says `clean`.
"""

import hashlib

from django.db import migrations

from markets import store
from markets.pairing import terms

FORBID = """
SET CONSTRAINTS ALL IMMEDIATE;
CREATE TRIGGER pair_versions_are_never_changed BEFORE UPDATE OR DELETE ON pair_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bet_versions_are_never_changed BEFORE UPDATE OR DELETE ON bet_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
ALLOW = """
DROP TRIGGER pair_versions_are_never_changed ON pair_versions;
DROP TRIGGER bet_versions_are_never_changed ON bet_versions;
"""


def _old_digest(pair):
    parts = [
        text
        for market in (pair.polymarket, pair.kalshi)
        for text in (market.question or "", market.rules, market.resolution_source)
    ]
    return hashlib.sha256("\x1f".join([*parts, str(pair.inverted)]).encode()).hexdigest()


def carry_over(apps, schema_editor):
    Pair, PairVersion = apps.get_model("markets", "Pair"), apps.get_model("markets", "PairVersion")
    for pair in Pair.objects.select_related("polymarket", "kalshi", "approved_by", "bet").iterator(500):
        sandbox = pair.approved_by is not None and pair.approved_by.username == "sandbox"
        if sandbox:
            pair.origin, pair.settlement = "sandbox", "clean"
        seen = {market.platform: terms.of(store.info_of(market)) for market in (pair.polymarket, pair.kalshi)}
        if pair.status == "APPROVED" and pair.rules_digest == _old_digest(pair):
            pair.rules_digest = terms.digest(seen, inverted=pair.inverted)
            PairVersion.objects.create(
                pair=pair, user=pair.approved_by, decision="inverted" if pair.inverted else "same",
                note="Approved before verdicts were kept.", digest=pair.rules_digest, seen=seen,
                settlement=pair.settlement, m0=pair.m0, created_at=pair.approved_at,
            )  # fmt: skip
        pair.m0_upper = pair.m0
        pair.m0_by_hand = pair.m0 or None
        pair.save()
        if pair.bet is not None:
            bet = pair.bet
            bet.origin, bet.settlement = ("sandbox" if sandbox else "pairs"), pair.settlement
            bet.m0, bet.m0_upper = pair.m0, pair.m0
            bet.read_by_person, bet.digest = not sandbox, pair.rules_digest
            bet.save()


class Migration(migrations.Migration):
    dependencies = [
        ("markets", "0003_bets_pairs_and_events"),
        ("arbsite", "0002_notices_are_never_changed"),
    ]

    operations = [
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.RunSQL(FORBID, ALLOW),
    ]
