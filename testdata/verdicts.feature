Feature: One scenario for each verdict

  Scenario: pass
    Given nothing happens
    Then nothing happens

  Scenario: fail
    Given nothing happens
    Then it fails
    And nothing happens

  Scenario: panic
    When it panics

  Scenario: goexit
    When it ends its goroutine

  Scenario: hang
    When it hangs

  Scenario: timeout
    When it waits for its context

  Scenario: plain error
    When it breaks

  Scenario: skipped
    Given it is skipped because "the moon is full"
    Then it fails

  Scenario: not applicable
    Given it does not apply

  Scenario: inconclusive
    Given it cannot be judged
    Then it fails

  Scenario: precondition
    Given the precondition breaks
    Then nothing happens

  Scenario: dirty stage
    When it leaves an unmatched request

  Scenario: unexpected notes
    When it leaves an unmatched request
    Then it fails
