# A comment at the head.
@all
Feature: Rows, rules and backgrounds
  A description of the feature
  that takes two lines.

  Background:
    Given the number 1

  # A comment before an outline.
  @rows
  Scenario Outline: The sum of <a> and 1
    A description of the outline.

    When the number <a>
    Then the sum is <sum>

    @few
    Examples: a few
      | a | sum |
      | 1 | 2   |
      # a comment between rows
      | 2 | 3   |

    @more
    Examples: more
      | a  | sum |
      | 40 | 41  |

  Scenario: A doc string that looks like Gherkin
    Given the text
      """
      Scenario: not one
        Given nothing at all
      | a | table |
      """
    Then the sum is 1

  @rule
  Rule: Sums are larger in here
    Background:
      Given the number 10

    Example: One scenario in the rule
      Then the sum is 11

    @tag-one
    @tag-two
    Scenario: Another one in the rule
      Given the table
        | 1 | 2 |
        | 3 | 4 |
      Then the sum is 11

  Rule: An empty background is none
    Scenario: In the second rule
      Then the sum is 1
