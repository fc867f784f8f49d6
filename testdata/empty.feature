Feature: Nothing that could run

  Scenario: no steps

  Scenario Outline: no rows
    Given the number <a>

    Examples:
      | a |

  Scenario: one that runs
    Given nothing happens
