"""Tables of figures are printed whole, however narrow the terminal is."""

from rich.table import Table

from legged_gym.evaluation.figures import print_table


def test_no_word_or_figure_of_a_table_is_cut_off(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    headings = ["type", "goals reached", "time to finish, s", "energy, J/m", "went round one", "all bars clean"]
    table = Table(*headings)
    table.add_row("competition", *(f"0.{k}23" for k in range(5)))
    print_table(table)
    shown = capsys.readouterr().out
    assert "…" not in shown
    for word in " ".join([*headings, "competition", *(f"0.{k}23" for k in range(5))]).split():
        assert word in shown
