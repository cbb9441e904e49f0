"""score_v1 on experiments with known effects: scores, verdicts, ranks, and everything that must not be counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import IDENTITY, experiment, registration, result, sha, task

from suite.aggregate import Board, PluginFacts, Registration, Row, Table, score_v1
from suite.results import Result, TaskScore
from suite.statistics.intervals import crossed_interval
from suite.track import load_track

EFFECTS = {"micro-response": 0.2, "k-center": 0.0, "duplicate": -0.25, "oracle": 0.3}


def only_table(board: Board) -> Table:
    assert len(board.tables) == 1
    return board.tables[0]


def row(board: Board, spec: str) -> Row:
    [found] = [row for row in only_table(board).rows if row.spec == spec]
    return found


def without(results: list[Result], spec: str, training_seed: int | None = None) -> list[Result]:
    return [
        record
        for record in results
        if record.cell.spec != spec or training_seed not in (None, record.cell.training_seed)
    ]


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return experiment(EFFECTS)


@pytest.fixture(scope="module")
def board(results: list[Result]) -> Board:
    facts = {"k-center": PluginFacts("embedding", "built-in")}
    return score_v1(results, registration(), facts)


def test_known_effects_are_found(board: Board) -> None:
    assert row(board, "micro-response").verdict == "beats"
    assert row(board, "k-center").verdict == "tied"
    assert row(board, "duplicate").verdict == "worse"
    assert row(board, "random").verdict == "baseline"
    ranked = sorted((row.rank, row.spec) for row in only_table(board).rows if row.rank)
    assert [rank for rank, _ in ranked] == [1, 2, 3, 4]
    assert ranked[0][1] == "micro-response"
    assert ranked[3][1] == "duplicate"


def test_reference_rows_are_shown_and_never_ranked_or_judged(board: Board) -> None:
    for spec in ("full", "untuned", "oracle"):
        reference = row(board, spec)
        assert reference.reference
        assert reference.rank is None
        assert reference.p_holm is None
        assert reference.verdict == "not judged"
        assert reference.difference is not None
        assert reference.difference.known
    assert row(board, "duplicate").rank is not None


def test_scores_are_the_normalised_means(results: list[Result], board: Board) -> None:
    table = only_table(board)
    exact, bits = table.tasks
    for found in table.rows:
        accuracy = found.tasks["exact-0"]
        likelihood = (bits.untuned - found.tasks["likelihood"]) / (bits.untuned - bits.full)  # type: ignore[operator]
        assert found.score is not None
        assert found.score.mean == pytest.approx((accuracy + likelihood) / 2)
        raw = [record.tasks[0].mean for record in results if record.cell.spec == found.spec]
        assert accuracy == pytest.approx(np.mean(raw))
    assert exact.full == pytest.approx(row(board, "full").tasks["exact-0"])
    random = row(board, "random").score
    assert random is not None
    for found in table.rows:
        if found.difference is not None and found.score is not None and found.spec != "random":
            assert found.difference.mean == pytest.approx(found.score.mean - random.mean)


def test_chance_is_normalised_away() -> None:
    everything = [
        result([task(values, chance=0.25)], spec=spec, reference=spec == "full", training_seed=seed, budget=budget)
        for seed in range(2)
        for spec, values, budget in (
            ("full", [1.0] * 40 + [0.0] * seed, 0),
            ("longest", [1.0] * 20 + [0.0] * (20 + seed), 500),
        )
    ]
    everything = [record for record in everything if record.tasks[0].items == 40]
    board = score_v1(everything, registration(seeds=1))
    longest = row(board, "longest").score
    assert longest is not None
    assert longest.mean == pytest.approx((0.5 - 0.25) / 0.75)


def test_the_difference_is_paired_by_item_and_seed(results: list[Result]) -> None:
    """Against a difference put together by hand from one accuracy task, draws of random averaged per seed and item."""
    exact = [record.model_copy(update={"tasks": record.tasks[:1]}) for record in results]
    estimate = row(score_v1(exact, registration()), "k-center").difference
    cells = {(record.cell.spec, record.cell.training_seed, record.cell.selection_seed): record for record in exact}
    paired, composites = [], []
    for seed in range(3):
        draws = np.array([cells["random", seed, draw].tasks[0].unpack() for draw in range(5)])
        paired.append(cells["k-center", seed, 0].tasks[0].unpack() - draws.mean(axis=0))
        composites.append(draws.mean(axis=1))
    expected = crossed_interval([np.array(paired)], [np.array(composites).T])
    assert estimate is not None
    for name in ("mean", "standard_error", "df", "low", "high", "p"):
        assert getattr(estimate, name) == pytest.approx(getattr(expected, name)), name


def test_p_values_are_adjusted_over_the_ranked_rows_alone(results: list[Result], board: Board) -> None:
    judged = [found for found in only_table(board).rows if found.p_holm is not None]
    assert {found.spec for found in judged} == {"micro-response", "k-center", "duplicate"}
    smallest = min(judged, key=lambda found: found.difference.p)  # type: ignore[union-attr]
    assert smallest.difference is not None
    assert smallest.p_holm == pytest.approx(min(1.0, 3 * smallest.difference.p))
    fewer = score_v1(without(results, "duplicate", training_seed=0), registration())
    again = row(fewer, smallest.spec)
    if smallest.spec != "duplicate":
        assert again.p_holm == pytest.approx(min(1.0, 2 * smallest.difference.p))


def test_order_of_results_changes_nothing(results: list[Result], board: Board) -> None:
    shuffled = [results[index] for index in np.random.default_rng(0).permutation(len(results))]
    again = score_v1(shuffled, registration(), {"k-center": PluginFacts("embedding", "built-in")})
    assert repr(again) == repr(board)  # nan equals nan in text


def test_facts_come_from_the_registry(board: Board) -> None:
    assert (row(board, "k-center").level, row(board, "k-center").kind) == ("embedding", "built-in")
    assert row(board, "micro-response").kind == "not installed here"
    assert row(board, "untuned").kind == "built-in"


def test_separation_is_in_standard_errors_of_the_difference(board: Board) -> None:
    gaps = {gap.worse: gap.difference for gap in only_table(board).separation}
    assert set(gaps) == {"duplicate", "random"}
    assert gaps["duplicate"].standard_errors == pytest.approx(gaps["duplicate"].mean / gaps["duplicate"].standard_error)
    oracle, random = row(board, "oracle").score, row(board, "random").score
    assert oracle is not None
    assert random is not None
    assert gaps["random"].mean == pytest.approx(oracle.mean - random.mean)
    assert gaps["duplicate"].standard_errors > 5


def test_other_settings_of_a_strategy_are_never_ranked_and_make_nobodys_test_stricter(board: Board) -> None:
    many = {**EFFECTS, **{f"k-center:seed={number}": 0.25 for number in range(30)}, "k-means:clusters=5": 0.1}
    everything = experiment(many)
    crowded = score_v1(everything, registration())
    for number in range(30):
        variant = row(crowded, f"k-center:seed={number}")
        assert variant.variant
        assert variant.rank is None
        assert variant.p_holm is None
        assert variant.verdict == "not judged"
        assert variant.difference is not None
    # Its default does not stand in the table, so this one speaks for the strategy.
    assert row(crowded, "k-means:clusters=5").rank is not None
    alone = score_v1([found for found in everything if "seed=" not in found.cell.spec], registration())
    for spec in ("micro-response", "k-center", "k-means:clusters=5"):
        assert row(crowded, spec).p_holm == row(alone, spec).p_holm
        assert row(crowded, spec).rank == row(alone, spec).rank
    shown = only_table(crowded.without_variants(but={"k-center:seed=3"}))
    assert [found.spec for found in shown.rows if found.variant] == ["k-center:seed=3"]
    assert any("29 more rows are other settings" in note for note in shown.notes)
    assert only_table(board.without_variants()) == only_table(board)


def test_a_row_with_a_seed_missing_is_listed_last_and_unranked(results: list[Result]) -> None:
    board = score_v1(without(results, "micro-response", training_seed=1), registration())
    incomplete = row(board, "micro-response")
    assert (incomplete.cells_done, incomplete.cells_registered) == (2, 3)
    assert incomplete.rank is None
    assert incomplete.verdict == "not judged"
    assert only_table(board).rows[-1] == incomplete
    assert row(board, "k-center").rank is not None


def test_an_incomplete_random_judges_nobody(results: list[Result]) -> None:
    fewer = [record for record in results if record.cell.spec != "random" or record.cell.selection_seed < 4]
    board = score_v1(fewer, registration())
    assert row(board, "random").rank is None
    assert row(board, "micro-response").rank == 1
    assert {found.p_holm for found in only_table(board).rows} == {None}
    assert "12 of 15" in only_table(board).notes[0]


def test_without_random_there_is_no_difference(results: list[Result]) -> None:
    board = score_v1(without(results, "random"), registration())
    assert row(board, "micro-response").difference is None
    assert row(board, "micro-response").rank == 1
    assert "random" in only_table(board).notes[0]


def test_without_full_there_are_raw_means_alone(results: list[Result]) -> None:
    table = only_table(score_v1(without(results, "full"), registration()))
    assert "full" in table.withheld
    assert all(found.score is None and found.rank is None and found.difference is None for found in table.rows)
    assert all(found.tasks["exact-0"] > 0 for found in table.rows if found.spec != "untuned")


def test_without_untuned_likelihood_has_no_scale(results: list[Result]) -> None:
    table = only_table(score_v1(without(results, "untuned"), registration()))
    assert "untuned" in table.withheld
    assert [task.enters for task in table.tasks] == [True, False]
    assert all(found.rank is None for found in table.rows)


def test_an_incomplete_full_ranks_nobody(results: list[Result]) -> None:
    table = only_table(score_v1(without(results, "full", training_seed=2), registration()))
    assert "2 of 3" in table.withheld
    assert all(found.rank is None and found.verdict in ("not judged", "baseline") for found in table.rows)


def test_a_task_that_full_did_not_learn_is_left_out() -> None:
    rng = np.random.default_rng(5)
    results = []
    for record in experiment({"k-center": 0.1}, rng=rng):
        guessed = task(rng.permutation(np.arange(200) < 51).astype(float), "guessed", chance=0.25)
        results.append(record.model_copy(update={"tasks": (*record.tasks, guessed)}))
    board = score_v1(results, registration())
    standing = {task.name: task for task in only_table(board).tasks}
    assert not standing["guessed"].enters
    assert "3 standard errors" in standing["guessed"].reason
    margin = standing["guessed"].margin
    assert margin is not None
    assert margin.mean < 3 * margin.standard_error
    assert standing["exact-0"].enters
    trimmed = score_v1([record.model_copy(update={"tasks": record.tasks[:2]}) for record in results], registration())
    assert row(board, "k-center").score == row(trimmed, "k-center").score


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_seeds_than_are_registered_rank_nothing(seeds: int) -> None:
    table = only_table(score_v1(experiment(EFFECTS, seeds=seeds), registration(seeds=3)))
    assert table.rows
    assert all((found.rank, found.p_holm, found.p_best) == (None, None, None) for found in table.rows)
    assert {found.verdict for found in table.rows} <= {"not judged", "baseline"}


def test_one_seed_gives_means_without_claims() -> None:
    board = score_v1(experiment(EFFECTS, seeds=1), registration(seeds=3))
    table = only_table(board)
    assert all(found.rank is None and found.p_holm is None for found in table.rows)
    score = row(board, "micro-response").score
    assert score is not None
    assert not score.known
    assert "one seed" in score.note


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"track": "alpaca-cpu"}, "of another track"),
        ({"track_identity": sha("older")}, "made under another version of this track"),
        ({"training_seed": 77}, "of seeds the track does not register"),
        ({"selection_seed": 77}, "of seeds the track does not register"),
        ({"spec": "random", "selection_seed": 5}, "of seeds the track does not register"),
        ({"tasks": ()}, "without any task"),
    ],
)
def test_what_may_not_count_is_counted(
    results: list[Result], board: Board, change: dict[str, object], reason: str
) -> None:
    other = score_v1([*results, result(**change)], registration())  # type: ignore[arg-type]
    assert other.set_aside == {reason: 1}
    assert other.results == len(results) + 1
    assert [(found.spec, found.rank) for found in only_table(other).rows] == [
        (found.spec, found.rank) for found in only_table(board).rows
    ]


def test_the_earliest_of_two_records_of_a_cell_counts(results: list[Result], board: Board) -> None:
    """Nobody improves a row by running it again until it is lucky."""
    lucky = []
    for record in results:
        if record.cell.spec == "k-center":
            cost = record.cost.model_copy(update={"finished_at": "2025-06-01T00:00:00Z"})
            tasks = (task(np.ones(200), "exact-0"), record.tasks[1])
            lucky.append(record.model_copy(update={"tasks": tasks, "cost": cost}))
    for order in ([*results, *lucky], [*lucky, *results]):
        again = score_v1([Result.model_validate(record.model_dump()) for record in order], registration())
        assert row(again, "k-center").score == row(board, "k-center").score
        assert list(again.set_aside.values()) == [3]


@pytest.mark.parametrize("difference", ["base_weights", "pool", "items", "engine", "versions"])
def test_other_weights_items_and_engines_stand_apart(results: list[Result], difference: str) -> None:
    others = []
    for record in results:
        document = record.model_dump()
        if difference == "items":
            document["tasks"][0]["items_sha256"] = sha("other items")
        elif difference == "engine":
            document["engine"] = "vllm"
        elif difference == "versions":
            document["versions"] = {**document["versions"], "torch": "2.99"}
        else:
            document["hashes"][difference] = sha("other")
        others.append(Result.model_validate(document))
    # A cell's id does not depend on the machine's weights, so both sets have the same cells.
    board = score_v1([*results, *without(others, "random")], registration())
    first, second = board.tables
    assert board.set_aside == {}
    assert repr(first) == repr(only_table(score_v1(results, registration())))
    assert all(found.difference is None for found in second.rows)


def test_how_an_engine_batched_keeps_nobody_apart(results: list[Result]) -> None:
    """Within one version that is noise which seeds and items bear out; a smaller batch after little memory is no other
    engine."""
    others = [
        record.model_copy(update={"engine": f"{record.engine}, up to {size} requests of 4 adapters at once"})
        for record, size in zip(results, range(1, 1 + len(results)), strict=True)
    ]
    again = {found.spec: repr(found) for found in only_table(score_v1(others, registration())).rows}
    assert again == {found.spec: repr(found) for found in only_table(score_v1(results, registration())).rows}
    assert {record.engine_name for record in others} == {record.engine for record in results}


def test_budgets_and_base_models_have_tables_of_their_own(results: list[Result]) -> None:
    more = [result(spec="k-center", budget=900, training_seed=seed, tasks=results[0].tasks) for seed in range(3)]
    board = score_v1([*results, *more], registration())
    assert [table.budget for table in board.tables] == [500, 900]
    # The full pool and the untuned base spend no budget, so they stand in both.
    assert {found.spec for found in board.tables[1].rows} == {"full", "untuned", "k-center"}
    assert [table.budget for table in board.narrowed(budget=900).tables] == [900]
    assert board.narrowed(base_model="other").tables == ()


def test_randomised_strategies_pair_their_draw_with_the_seed(results: list[Result]) -> None:
    """Draw i goes with training seed i: the row is complete, and no draw component is added."""
    moved = []
    for record in results:
        if record.cell.spec == "k-center":
            cell = record.cell.model_copy(update={"selection_seed": record.cell.training_seed})
            record = record.model_copy(update={"cell": cell})
        moved.append(record)
    plain, paired = score_v1(results, registration()), score_v1(moved, registration())
    assert row(paired, "k-center") == row(plain, "k-center")


def test_identity_is_the_tracks() -> None:
    assert registration().identity == IDENTITY


def test_tasks_that_ask_the_same_questions_are_known_by_their_track() -> None:
    groups = Registration.of(load_track("microworld")).same_items
    names = ("words", "numbers", "lists", "records", "compositional")
    assert groups == tuple((f"{name}-exact-match", f"{name}-likelihood") for name in names)
    # With a limit each task draws questions of its own.
    assert Registration.of(load_track("alpaca-cpu")).same_items == ()


def test_a_score_counts_the_items_that_tasks_share_once() -> None:
    results = experiment(EFFECTS, tasks=3)
    alone = score_v1(results, registration())
    shared = score_v1(results, replace(registration(), same_items=(("exact-0", "exact-1"),)))
    assert [task.items_of for task in only_table(shared).tasks] == ["exact-0", "exact-0", "likelihood"]
    before, after = (
        {spec: score for spec in EFFECTS if (score := row(board, spec).score) is not None} for board in (alone, shared)
    )
    assert {spec: one.mean for spec, one in before.items()} == {spec: one.mean for spec, one in after.items()}
    assert all(before[spec].standard_error != after[spec].standard_error for spec in EFFECTS)
    lost = [
        result.model_copy(
            update={"tasks": tuple(one_item_less(task) if task.name == "exact-1" else task for task in result.tasks)}
        )
        for result in results
    ]
    # Tasks of other numbers of items cannot have the same, whatever a track says.
    assert only_table(score_v1(lost, replace(registration(), same_items=(("exact-0", "exact-1"),)))).rows


def one_item_less(task: TaskScore) -> TaskScore:
    facts = {name: getattr(task, name) for name in ("name", "kind", "unit", "chance", "items_sha256")}
    return TaskScore.pack(task.unpack()[:-1], **facts)
